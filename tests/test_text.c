/* Text for search: normalisation, terms, distances. */
#include "processors/recommend/search/text.h"
#include "tests/test.h"

/* The terms as one text: whole ones as they are, parts in brackets. */
static void check_terms(const char *text, const char *expected)
{
    struct terms terms;
    char got[4096] = "";
    text_terms(bytes_text(text), &terms);
    for (uint32_t i = 0; i < terms.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got),
                 terms.at[i].part ? "%s(%.*s)" : "%s%.*s", i ? " " : "", (int)terms.at[i].size,
                 terms.at[i].text);
    CHECK_TEXT(got, expected);
}

static void test_terms(void)
{
    check_terms("", "");
    check_terms("  --  ", "");
    check_terms("Coats ", "coat");
    check_terms("WOOL coat, navy", "wool coat navy");
    check_terms("coat coat Coats", "coat");
    check_terms("Dresses boxes dishes watches", "dress box dish watch");
    check_terms("berries ties", "berry tie");
    check_terms("shoes boots jeans", "shoe boot jean");
    check_terms("dress lens bus iris gas", "dress len bus iris gas");
    check_terms("Caf\xC3\xA9 JALAPE\xC3\x91O", "cafe jalapeno");
    check_terms("Cafe\xCC\x81", "cafe");                                     /* a mark of its own */
    check_terms("\xEF\xBC\xA3\xEF\xBC\xAF\xEF\xBC\xA1\xEF\xBC\xB4", "coat"); /* full width */
    check_terms("stra\xC3\x9F"
                "e",
                "strasse");
    check_terms("iPhone 11 64GB", "iphone 11 64gb (64) (gb)");
    check_terms("\xEC\xBD\x94\xED\x8A\xB8", "\xEC\xBD\x94\xED\x8A\xB8"); /* 코트 */
    /* the same in jamo */
    check_terms("\xE1\x84\x8F\xE1\x85\xA9\xE1\x84\x90\xE1\x85\xB3", "\xEC\xBD\x94\xED\x8A\xB8");
    check_terms("울코트", "울코트 (울코) (코트)");
    check_terms("네이비 코트", "네이비 (네이) (이비) 코트");
    check_terms("코트 울코트", "코트 울코트 (울코)");
    check_terms("A4용지", "a4 용지");
    check_terms("\xFF\xFE coat", ""); /* not UTF-8 */
}

/* Marks that make another letter stay; those that readers leave out go. */
static void test_marks(void)
{
    check_terms("ボール", "ボール (ボー) (ール)");
    check_terms("ポール", "ポール (ポー) (ール)");
    /* the mark as a character; half width */
    check_terms("ホ\xE3\x82\x99ール", "ボール (ボー) (ール)");
    check_terms("ﾎﾞｰﾙ", "ボール (ボー) (ール)");
    check_terms("कमर कुमार", "कमर कुमार");
    check_terms("ขาว ข้าว", "ขาว ข้าว");
    check_terms("Ελλάδα", "ελλαδα");
    check_terms("Ёлка Йод", "елка иод");
    check_terms("שָׁלוֹם", "שלום");
    check_terms("مُحَمَّد", "محمد");
    check_terms("Đà Nẵng", "đa nang");
    check_terms("1\xEF\xB8\x8F\xE2\x83\xA3 \xCC\x81", "1"); /* a keycap; a mark alone */
}

static void test_units(void)
{
    check_terms("64 GB", "64gb (64) (gb)");
    check_terms("64GB", "64gb (64) (gb)");
    check_terms("64\xC2\xA0gb", "64gb (64) (gb)"); /* a no-break space */
    check_terms("500 мл", "500мл (500) (мл)");
    check_terms("1.5 L", "1 5l (5) (l)");
    check_terms("iPhone 11 Pro 64 GB", "iphone 11 pro 64gb (64) (gb)");
    check_terms("PS5", "ps5 (ps) (5)");
    check_terms("M00012 5x", "m00012 5x (5) (x)");
    check_terms("h2o 501", "h2o 501");
    check_terms("H&M h & m", "hm (h) (m)");
    check_terms("Alba & Co", "alba co");
    check_terms("A & 5", "a 5");
    check_terms("500毫升 64", "500 毫升 64");
    check_terms("64", "64");
}

static bool other_number(const char *a, const char *b)
{
    uint32_t x[LETTERS_MAX], y[LETTERS_MAX];
    uint32_t x_count = text_letters(bytes_text(a), x, LETTERS_MAX);
    return text_other_number(x, x_count, y, text_letters(bytes_text(b), y, LETTERS_MAX));
}

static void test_numbers(void)
{
    CHECK(other_number("500", "501") && other_number("500", "5000") && other_number("500", "soo"));
    CHECK(other_number("64gb", "65gb") && other_number("ps5", "ps4"));
    CHECK(!other_number("64gb", "64gbs") && !other_number("500", "500ml"));
    CHECK(!other_number("c0at", "coat") && !other_number("coat", "coats"));
    CHECK(!other_number("iphone", "iphone11") && !other_number("", ""));
}

static void test_bounds(void)
{
    struct terms terms;
    struct buffer text = {0};
    for (int i = 0; i < 200; i++)
        buffer_format(&text, "w%d ", i);
    text_terms(buffer_bytes(&text), &terms);
    CHECK_INT(terms.count, TERMS_MAX);
    buffer_clear(&text);
    for (int i = 0; i < 100000; i++)
        buffer_text(&text, "\xEC\xBD\x94");
    text_terms(buffer_bytes(&text), &terms);
    CHECK_INT(terms.count, 2); /* one, cut, and the pair of the same */
    CHECK_INT(terms.at[0].size, TERM_BYTES_MAX);
    for (uint32_t i = 0; i < terms.count; i++)
        CHECK(bytes_utf8(bytes_of(terms.at[i].text, terms.at[i].size)));
    buffer_release(&text);
}

static uint32_t distance(const char *a, const char *b, uint32_t most)
{
    uint32_t x[LETTERS_MAX], y[LETTERS_MAX];
    uint32_t x_count = text_letters(bytes_text(a), x, LETTERS_MAX);
    uint32_t y_count = text_letters(bytes_text(b), y, LETTERS_MAX);
    return text_distance(x, x_count, y, y_count, most);
}

static void test_distance(void)
{
    CHECK_INT(distance("wool", "woll", 2), 1);
    CHECK_INT(distance("wool", "wool", 2), 0);
    CHECK_INT(distance("coat", "caot", 2), 1);
    CHECK_INT(distance("sweater", "swaeters", 2), 2);
    CHECK_INT(distance("coat", "dress", 2), 3);
    CHECK_INT(distance("", "ab", 2), 2);
    CHECK_INT(distance("", "abc", 2), 3);
    CHECK_INT(distance("코트", "코드", 2), 1); /* one jamo */
    CHECK_INT(distance("코트", "쿠토", 2), 2);
}

/* Against the table written out. */
static void test_distance_naive(void)
{
    struct random random = random_from(61);
    for (int round = 0; round < 20000; round++) {
        uint32_t a[8], b[8], table[9][9];
        uint32_t n = random_below(&random, 8), m = random_below(&random, 8);
        for (uint32_t i = 0; i < 8; i++) {
            a[i] = random_below(&random, 3);
            b[i] = random_below(&random, 3);
        }
        for (uint32_t i = 0; i <= n; i++)
            for (uint32_t k = 0; k <= m; k++) {
                uint32_t best = i == 0 ? k : k == 0 ? i : UINT32_MAX;
                if (i && k) {
                    best = table[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
                    if (table[i - 1][k] + 1 < best)
                        best = table[i - 1][k] + 1;
                    if (table[i][k - 1] + 1 < best)
                        best = table[i][k - 1] + 1;
                    if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                        table[i - 2][k - 2] + 1 < best)
                        best = table[i - 2][k - 2] + 1;
                }
                table[i][k] = best;
            }
        uint32_t most = random_below(&random, 4), wanted = table[n][m];
        CHECK_INT(text_distance(a, n, b, m, most), wanted > most ? most + 1 : wanted);
    }
}

int main(void)
{
    TEST_RUN(test_terms);
    TEST_RUN(test_marks);
    TEST_RUN(test_units);
    TEST_RUN(test_numbers);
    TEST_RUN(test_bounds);
    TEST_RUN(test_distance);
    TEST_RUN(test_distance_naive);
    return test_done();
}
