/* All texts of the shop, in English and Korean. */

const ENGLISH = {
    skip: "Skip to the products", search: "Search", find: "Search coats, red bag, 운동화 …",
    bag: "Bag", bag_of: (count) => `Bag, ${count} items`, other_language: "한국어",
    footer: "The Mall is a simulated shop. Nothing is for sale, no order is delivered. Its lists come from weft.",
    title: "The Mall",
    hero: "A shop that changes as you click.",
    hero_text: "Open a product and come back: these lists have followed you. The panel shows what changed, and how fast.",
    hero_link: "See what is trending",
    home: "For you", home_new: "Popular in the mall now",
    home_text: "Chosen from your last clicks", home_text_new: "Look at a product, and this list becomes yours",
    product: "More like this", product_of: (name) => `Since you looked at ${name}`, product_text: "What other visitors looked at",
    goes_with: "Wear it with", goes_with_of: (name) => `Goes with ${name}`, goes_with_text: "Other pieces that are bought together",
    cart: "Completes your bag", cart_text: "Goes with all that is in it",
    list_search: "From your last search", list_search_of: (term) => `You searched for “${term}”`,
    search_text: "Ordered for you",
    category: "More of this kind", category_text: "Chosen for you",
    email: "You may have missed", email_text: "",
    trending: "Trending", trending_text: "More clicks than usual, in the last hours",
    viewed: "Most viewed", bought: "Most bought", similar: "Similar pieces", similar_text: "",
    departments: { Women: "Women", Men: "Men", Accessories: "Accessories" },
    all_of: (name) => `All ${name}`, products: (count) => count === 1 ? "1 product" : `${count} products`, most_viewed: (count) => `The ${count} most viewed`,
    sort: "Sort", sort_popular: "Most viewed first", sort_best: "Best first", sort_low: "Price, low to high", sort_high: "Price, high to low",
    colour: "Colour", any: "All", nothing: "Nothing here yet.",
    results: (term) => `Results for “${term}”`, no_results: (term) => `Nothing is found for “${term}”.`,
    add: "Add to bag", added: (name) => `${name} is in your bag`, save: (percent) => `${percent} % off`, was: "instead of",
    rating: (rating, count) => `${rating} of 5, ${count} ratings`,
    material: "Material", cut: "Cut", brand: "Brand", number: "Article", unknown: "This product is not here any more.",
    your_bag: "Your bag", empty: "Your bag is empty.", go_on: "Continue shopping", remove: "Remove", remove_of: (name) => `Remove ${name}`,
    quantity_of: (name) => `Quantity of ${name}`, total: "Total", checkout: "Checkout",
    saved: (amount) => `You save ${amount}`, place: "Place the order", pay_text: "Nothing is charged. The order is sent as a purchase, and what you bought leaves your lists.",
    name: "Name", address: "Address", thanks: "Thank you.", thanks_text: "What you bought has left your lists.",
    because: {
        viewed_before: () => "You looked at this before",
        bought_before: () => "You bought this before",
        viewed_by_similar: (name) => name ? `Because you looked at ${name}` : "Because of what you looked at",
        viewed_next: (name) => name ? `Often viewed after ${name}` : "Often viewed next",
        viewed_together: (name) => name ? `Viewed together with ${name}` : "Viewed together",
        viewed_in_session: (name) => name ? `Viewed in one visit with ${name}` : "Viewed in one visit",
        carted_together: (name) => name ? `In one bag with ${name}` : "Often in one bag",
        bought_together: (name) => name ? `Bought together with ${name}` : "Often bought together",
        related: (name) => name ? `Related to ${name}` : "Related to what you saw",
        similar: (name) => name ? `Similar to ${name}` : "Similar",
        popular_in_category: (name) => name ? `Popular next to ${name}` : "Popular of its kind",
        popular: () => "Popular in the mall", popular_in_channel: () => "Popular on the web",
        searched: () => "Found by your search", taken_after_search: () => "Chosen after this search",
        pinned: () => "Chosen by the shop", new: () => "New in the mall",
        trending: () => "Trending in the mall", viewed: () => "Viewed by many", carted: () => "In many bags",
        bought: () => "Bought by many", taken: () => "Chosen after this search", visitor: () => "Ordered for you",
        nearest: (name) => name ? `Close to ${name}` : "Close to it", goes_with: (name) => name ? `Goes with ${name}` : "Goes with it",
    },
    panel: "Behind the lists", panel_open: "Behind the lists", panel_close: "Close",
    no_click: "Click a product: here you see how long its effect on your lists takes.",
    to_list: "from your click to new lists on this page", waiting: "waiting for new lists …", lists_at: "in the stream after",
    changed: "What your last click changed", changed_of: (count, all) => `${count} of ${all} are new`,
    same: "order only", gone: "list ended", first: "first", began: "new list",
    visit: "Your visit", visit_none: "Nothing yet.", tastes: "What you seem to like",
    did: { view: "looked at", cart: "put in the bag", remove: "took out", purchase: "bought", search: "searched" },
    visitor: "You are", else: "Be somebody else", consent_is: "You agreed that clicks choose your lists.",
    consent_not: "Your clicks are not used. All lists are the same for everybody.", withdraw: "Stop using my clicks", agree_now: "Use my clicks",
    asking: "May the mall use your clicks to choose products for you? Nothing is stored or sent before you agree.",
    agree: "Yes, choose for me", refuse: "No, thank you",
    placements: { home: "For you", product: "More like this", goes_with: "Wear it with", search: "Search", cart: "Bag", category: "Category", email: "Email" },
};

const KOREAN = {
    ...ENGLISH,
    skip: "상품으로 건너뛰기", search: "검색", find: "코트, 빨간 가방, sneakers …",
    bag: "장바구니", bag_of: (count) => `장바구니, 상품 ${count}개`, other_language: "English",
    footer: "The Mall은 모의 쇼핑몰입니다. 실제로 판매하거나 배송하지 않습니다. 추천 목록은 weft가 만듭니다.",
    hero: "클릭하는 순간 바뀌는 쇼핑몰.",
    hero_text: "상품을 보고 돌아와 보세요. 추천 목록이 이미 따라와 있습니다. 패널에서 무엇이 얼마나 빨리 바뀌었는지 볼 수 있습니다.",
    hero_link: "지금 뜨는 상품 보기",
    home: "당신을 위한 추천", home_new: "지금 인기 있는 상품",
    home_text: "최근 클릭을 바탕으로 골랐어요", home_text_new: "상품을 보면 이 목록이 나만의 목록이 됩니다",
    product: "함께 본 상품", product_of: (name) => `‘${name}’ 상품을 보셨으니까`, product_text: "다른 고객이 본 상품",
    goes_with: "함께 입기 좋은 상품", goes_with_of: (name) => `‘${name}’ 상품과 어울려요`, goes_with_text: "함께 구매하는 다른 상품",
    cart: "장바구니를 완성해 보세요", cart_text: "담긴 상품 모두와 어울립니다",
    list_search: "최근 검색 결과", list_search_of: (term) => `‘${term}’ 검색 결과`, search_text: "나에게 맞춘 순서",
    category: "같은 종류의 상품", category_text: "나를 위한 추천", email: "놓치신 상품",
    trending: "지금 뜨는 상품", trending_text: "최근 몇 시간 동안 평소보다 많이 본 상품",
    viewed: "많이 본 상품", bought: "많이 산 상품", similar: "비슷한 상품",
    departments: { Women: "여성", Men: "남성", Accessories: "액세서리", Outerwear: "아우터", Knitwear: "니트", Shoes: "신발" },
    all_of: (name) => `${name} 전체`, products: (count) => `상품 ${count}개`, most_viewed: (count) => `가장 많이 본 상품 ${count}개`,
    sort: "정렬", sort_popular: "많이 본 순", sort_best: "정확도순", sort_low: "낮은 가격순", sort_high: "높은 가격순",
    colour: "색상", any: "전체", nothing: "아직 상품이 없습니다.",
    results: (term) => `‘${term}’ 검색 결과`, no_results: (term) => `‘${term}’에 대한 상품이 없습니다.`,
    add: "장바구니에 담기", added: (name) => `${name} 상품을 담았습니다`, save: (percent) => `${percent}% 할인`, was: "정가",
    rating: (rating, count) => `5점 만점에 ${rating}점, 평가 ${count}개`,
    material: "소재", cut: "핏", brand: "브랜드", number: "상품 번호", unknown: "이 상품은 더 이상 없습니다.",
    your_bag: "장바구니", empty: "장바구니가 비어 있습니다.", go_on: "쇼핑 계속하기", remove: "삭제", remove_of: (name) => `${name} 삭제`,
    quantity_of: (name) => `${name} 수량`, total: "합계", checkout: "주문하기",
    saved: (amount) => `${amount} 할인받았어요`, place: "주문 완료하기", pay_text: "실제로 결제되지 않습니다. 주문은 구매 이벤트로 보내지고, 구매한 상품은 목록에서 사라집니다.",
    name: "이름", address: "주소", thanks: "감사합니다.", thanks_text: "구매하신 상품이 추천 목록에서 사라졌습니다.",
    because: {
        viewed_before: () => "전에 보신 상품이에요",
        bought_before: () => "전에 구매하신 상품이에요",
        viewed_by_similar: (name) => name ? `‘${name}’ 상품을 보셨으니까` : "보신 상품을 바탕으로",
        viewed_next: (name) => name ? `‘${name}’ 다음에 많이 본 상품` : "다음에 많이 본 상품",
        viewed_together: (name) => name ? `‘${name}’ 상품과 함께 본 상품` : "함께 본 상품",
        viewed_in_session: (name) => name ? `‘${name}’ 상품을 본 방문에서 본 상품` : "같은 방문에서 본 상품",
        carted_together: (name) => name ? `‘${name}’ 상품과 함께 담은 상품` : "함께 담은 상품",
        bought_together: (name) => name ? `‘${name}’ 상품과 함께 산 상품` : "함께 산 상품",
        related: (name) => name ? `‘${name}’ 상품과 관련된 상품` : "관련된 상품",
        similar: (name) => name ? `‘${name}’ 상품과 비슷해요` : "비슷한 상품",
        popular_in_category: (name) => name ? `‘${name}’ 종류의 인기 상품` : "같은 종류의 인기 상품",
        popular: () => "쇼핑몰 인기 상품", popular_in_channel: () => "웹에서 인기 있는 상품",
        searched: () => "검색으로 찾은 상품", taken_after_search: () => "이 검색 후 선택된 상품",
        pinned: () => "쇼핑몰이 고른 상품", new: () => "새로 들어온 상품",
        trending: () => "지금 뜨는 상품", viewed: () => "많은 고객이 본 상품", carted: () => "많은 고객이 담은 상품",
        bought: () => "많은 고객이 산 상품", taken: () => "이 검색 후 선택된 상품", visitor: () => "나에게 맞춘 순서",
        nearest: (name) => name ? `‘${name}’ 상품과 가까운 상품` : "가까운 상품",
        goes_with: (name) => name ? `‘${name}’ 상품과 어울리는 상품` : "어울리는 상품",
    },
    panel: "목록의 뒷면", panel_open: "목록의 뒷면", panel_close: "닫기",
    no_click: "상품을 클릭해 보세요. 목록이 바뀌기까지 걸린 시간이 여기에 나타납니다.",
    to_list: "클릭에서 이 화면의 새 목록까지", waiting: "새 목록을 기다리는 중 …", lists_at: "스트림 도착까지",
    changed: "마지막 클릭이 바꾼 것", changed_of: (count, all) => `${all}개 중 ${count}개가 새 상품`,
    same: "순서만 바뀜", gone: "목록이 끝남", first: "첫 상품", began: "새 목록",
    visit: "나의 방문", visit_none: "아직 없습니다.", tastes: "좋아하시는 것 같아요",
    did: { view: "봄", cart: "담음", remove: "뺌", purchase: "구매", search: "검색" },
    visitor: "방문자", else: "다른 사람 되기", consent_is: "클릭을 추천에 사용하도록 동의하셨습니다.",
    consent_not: "클릭을 사용하지 않습니다. 모든 목록이 누구에게나 같습니다.", withdraw: "클릭 사용 중지", agree_now: "클릭 사용하기",
    asking: "상품을 추천하기 위해 클릭을 사용해도 될까요? 동의하기 전에는 아무것도 저장하거나 보내지 않습니다.",
    agree: "네, 추천해 주세요", refuse: "아니요",
    placements: { home: "추천", product: "함께 본 상품", goes_with: "어울리는 상품", search: "검색", cart: "장바구니", category: "분류", email: "이메일" },
};

/* Categories of the mall: path, name in Korean, and the word that a search finds them by. */
export const CATEGORIES = [
    ["Women > Outerwear > Coats", "코트", "Coat"], ["Women > Knitwear > Sweaters", "스웨터", "Sweater"],
    ["Women > Dresses", "원피스", "Dress"], ["Women > Skirts", "스커트", "Skirt"], ["Women > Jeans", "청바지", "Jeans"],
    ["Women > T-Shirts", "티셔츠", "T-Shirt"], ["Women > Shoes > Boots", "부츠", "Boots"],
    ["Women > Shoes > Sneakers", "운동화", "Sneakers"], ["Men > Outerwear > Jackets", "재킷", "Jacket"],
    ["Men > Shirts", "셔츠", "Shirt"], ["Men > Trousers", "바지", "Trousers"], ["Men > Shoes", "구두", "Shoes"],
    ["Accessories > Bags", "가방", "Bag"], ["Accessories > Scarves", "스카프", "Scarf"],
    ["Accessories > Jewellery", "주얼리", "Necklace"], ["Accessories > Belts", "벨트", "Belt"],
    ["Accessories > Socks", "양말", "Socks"],
];

const KOREAN_VALUES = {
    Black: "블랙", White: "화이트", Navy: "네이비", Grey: "그레이", Beige: "베이지", Red: "레드", Green: "그린",
    Brown: "브라운", Blue: "블루", Pink: "핑크", Wool: "울", Cotton: "면", Linen: "린넨", Leather: "가죽", Denim: "데님",
    Silk: "실크", Cashmere: "캐시미어", Recycled: "리사이클", Oversized: "오버사이즈", Slim: "슬림", Classic: "클래식",
    Cropped: "크롭", Relaxed: "릴랙스", Quilted: "퀼팅", Striped: "스트라이프", Plain: "베이직",
};

let korean = false;
export let text = ENGLISH;

export function speak(language) {
    korean = language === "ko";
    text = korean ? KOREAN : ENGLISH;
    document.documentElement.lang = korean ? "ko" : "en";
}

export const language = () => korean ? "ko" : "en";

/* A value of the catalogue, such as a colour. */
export const value = (word) => korean && KOREAN_VALUES[word] || word;

export function categoryName(path) {
    const known = CATEGORIES.find(([each]) => each === path);
    const last = path.split(" > ").pop();
    return korean ? known && known[1] || text.departments[last] || last : last;
}

/* The product's name without its brand. */
export function nameOf(product) {
    const attributes = product.attributes || {};
    if (korean && attributes.title_ko) return attributes.title_ko;
    const title = product.title || product.item_id, brand = product.item_brand || "";
    return brand && title.startsWith(brand + " ") ? title.slice(brand.length + 1) : title;
}

export function money(amount, currency = "USD") {
    return new Intl.NumberFormat(korean ? "ko-KR" : "en-US", { style: "currency", currency, currencyDisplay: "narrowSymbol" })
        .format(amount);
}
