/* Draws a product as an SVG: the garment's outline by its category, its colour, the cut as a shape
 * or a pattern, the material as a texture. A picture is 200 wide and 240 high. */

const SVG = "http://www.w3.org/2000/svg";

const COLOURS = {
    Black: "#2d2d31", White: "#f5f3ee", Navy: "#27365e", Grey: "#92959b", Beige: "#d8c3a1",
    Red: "#ad3438", Green: "#4d6f56", Brown: "#7b543a", Blue: "#5f8abb", Pink: "#e2a5b0",
};
const METAL = "#c9a961", PALE = "#f1eee6";

export function element(name, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
}

/* A garment that is the same on both sides, from its right half: from the top's centre clockwise to
 * the bottom's. The first entry is a point; each other one is a line [x, y], a curve with one
 * control point [cx, cy, x, y], or with two. */
function mirrored(...half) {
    let path = `M${half[0]}`;
    const ends = half.map((segment) => segment.slice(-2));
    const letter = { 2: "L", 4: "Q", 6: "C" };
    for (const segment of half.slice(1)) path += letter[segment.length] + segment;
    for (let i = half.length - 1; i > 0; i--) {
        const controls = [];
        for (let k = half[i].length - 4; k >= 0; k -= 2)
            controls.push(200 - half[i][k], half[i][k + 1]);
        path += letter[half[i].length] + [...controls, 200 - ends[i - 1][0], ends[i - 1][1]];
    }
    return path + "Z";
}

const both = (path) => [path, path.replace(/(-?[\d.]+),(-?[\d.]+)/g, (_, x, y) => `${200 - x},${y}`)];

/* By the last part of the category. `body` takes colour and texture; `inner` is the lining, behind
 * it; `lines` are seams; `fine` are stitches; `parts` are pieces of their own: [path, colour], where
 * "ink" is the body's colour, darker. */
const GARMENTS = {
    Coats: {
        body: mirrored([100, 62], [112, 50, 120, 34], [142, 40, 156, 48], [166, 56, 170, 76], [182, 172],
            [172, 178, 158, 178], [150, 104], [153, 160, 158, 218], [130, 224, 100, 224]),
        inner: mirrored([100, 30], [112, 30, 120, 34], [112, 60, 100, 70]),
        lines: ["M100,96V223", ...both("M120,34Q132,48 126,66L100,96"), ...both("M126,66L132,74L112,84"),
            ...both("M118,150L142,146"), ...both("M118,150L120,158L143,154"), ...both("M158,166L181,160"),
            ...both("M150,104L148,84")],
        buttons: [[93, 112], [93, 138], [93, 164], [107, 112], [107, 138], [107, 164]],
    },
    Sweaters: {
        body: mirrored([100, 56], [116, 56, 124, 44], [146, 50, 158, 58], [168, 66, 172, 84], [186, 178],
            [176, 184, 162, 184], [150, 108], [151, 150, 150, 198], [126, 202, 100, 202]),
        inner: mirrored([100, 42], [114, 42, 124, 44], [116, 58, 100, 58]),
        lines: [...both("M127,46Q118,65 100,65"), "M50,186Q100,191 150,186", ...both("M161,170L185,164"),
            ...both("M150,108L146,78")],
        fine: ["M56,188V198M64,189V199M72,189V200M80,190V201M88,190V201M96,190V201M104,190V201M112,190V201" +
            "M120,190V201M128,189V200M136,189V199M144,188V198"],
    },
    Dresses: {
        body: mirrored([100, 66], [114, 62, 118, 46], [122, 34], [132, 34], [134, 58, 144, 76],
            [134, 96, 130, 116], [144, 160, 160, 214], [130, 226, 100, 226]),
        inner: mirrored([100, 50], [112, 48, 122, 36], [116, 66, 100, 68]),
        lines: ["M70,116Q100,122 130,116", ...both("M112,121Q120,170 128,220"), "M100,122V226",
            ...both("M120,98Q126,84 136,80")],
    },
    Jeans: {
        body: mirrored([100, 34], [120, 34, 140, 32], [148, 90, 150, 130], [152, 216], [134, 220, 112, 218],
            [106, 150, 103, 96], [100, 92]),
        lines: ["M60,46Q100,50 140,46", "M100,49V92", ...both("M138,50Q132,68 116,64L114,50"),
            "M100,82Q108,80 109,50", ...both("M114,208L151,206")],
        fine: [...both("M143,60L148,200"), "M60,49Q100,53 140,49"],
        buttons: [[100, 41]],
        rivets: true,
    },
    Skirts: {
        body: mirrored([100, 56], [118, 56, 132, 54], [134, 68], [154, 120, 168, 188], [136, 204, 100, 204]),
        lines: ["M66,68Q100,73 134,68", ...both("M112,73Q126,130 132,200"), ...both("M124,71Q146,130 152,195"),
            "M100,74V204"],
    },
    Boots: {
        body: "M40,50Q58,44 76,50L76,140Q80,160 104,172Q118,180 116,196L44,196Q40,194 40,186Z" +
            "M112,38Q130,32 148,38L148,134Q152,156 176,168Q190,176 188,192L116,192Q112,190 112,182Z",
        parts: [["M42,196H116V202H68V212H44Z", "#3b2c22"], ["M114,192H188V198H140V208H116Z", "#3b2c22"]],
        lines: ["M40,62Q58,56 76,62", "M112,50Q130,44 148,50", "M76,140Q66,150 42,150",
            "M148,134Q138,146 114,146", "M70,56V138", "M142,44V132"],
    },
    Sneakers: {
        body: "M24,128Q22,96 32,88Q44,100 62,92L72,84Q92,114 118,124Q144,128 146,148L146,156L24,156Z" +
            "M64,176Q62,144 72,136Q84,148 102,140L112,132Q132,162 158,172Q184,176 186,196L186,204L64,204Z",
        parts: [["M22,154H148Q150,166 142,168H30Q22,168 22,154Z", PALE],
            ["M62,202H188Q190,214 182,216H70Q62,216 62,202Z", PALE],
            ["M118,124Q144,128 146,148L146,154L112,154Q108,134 118,124Z", "ink"],
            ["M158,172Q184,176 186,196L186,202L152,202Q148,182 158,172Z", "ink"]],
        lines: ["M76,102L92,92M84,112L100,101M94,120L109,110", "M116,150L132,140M124,160L140,149M134,168L149,158",
            "M24,132Q50,138 62,120Q66,106 62,92", "M64,180Q90,186 102,168Q106,154 102,140"],
    },
    Jackets: {
        body: mirrored([100, 48], [114, 46, 122, 38], [144, 44, 158, 54], [168, 62, 172, 82], [186, 168],
            [176, 176, 160, 176], [150, 106], [152, 150, 152, 194], [126, 198, 100, 198]),
        inner: mirrored([100, 38], [112, 36, 120, 38], [112, 50, 100, 52]),
        lines: ["M100,50V198", ...both("M122,38Q128,52 118,66L100,56"), ...both("M112,96H140V104H112Z"),
            ...both("M112,150L136,142"), "M48,184Q100,190 152,184", ...both("M160,164L186,157"),
            ...both("M150,106L146,76")],
        fine: ["M96,58V182"],
        parts: [["M98.5,60H101.5V190H98.5Z", METAL]],
    },
    Shirts: {
        body: mirrored([100, 50], [112, 44, 120, 36], [144, 44, 156, 52], [166, 60, 170, 80], [182, 178],
            [172, 184, 160, 184], [148, 104], [150, 160, 148, 206], [126, 196, 100, 208]),
        inner: mirrored([100, 34], [112, 34, 120, 36], [112, 50, 100, 54]),
        lines: ["M100,54V206", ...both("M120,36L126,52L112,66L100,52"), ...both("M160,170L181,165"),
            "M114,92H138V112L126,118L114,112Z", ...both("M148,104L144,74")],
        buttons: [[100, 76], [100, 100], [100, 124], [100, 148], [100, 172]],
    },
    Scarves: {
        body: "M58,54Q100,28 142,54Q152,72 136,92L140,204L104,204L108,112Q100,116 92,112L88,180L52,180L64,92" +
            "Q48,72 58,54Z",
        inner: "M70,58Q100,42 130,58Q100,78 70,58Z",
        lines: ["M64,92Q100,118 136,92", "M66,68Q100,98 134,68", "M118,106L116,200", "M128,100L130,200",
            "M76,104L68,176"],
        fringe: [[104, 140, 204], [52, 88, 180]],
    },
    Bags: {
        body: mirrored([100, 96], [130, 96, 152, 96], [158, 140, 164, 194], [164, 204, 154, 204],
            [124, 206, 100, 206]),
        back: ["M70,98Q70,40 100,40Q130,40 130,98"],
        lines: ["M46,110Q100,114 154,110", ...both("M152,98L158,194"), "M40,186Q100,192 160,186"],
        fine: ["M44,113Q100,117 156,113"],
        parts: [["M90,106H110V126H90Z", METAL], ["M95,111H105V121H95Z", "ink"]],
    },
    Jewellery: {
        body: mirrored([100, 148], [112, 160, 112, 174], [112, 188, 100, 190]),
        back: ["M52,44Q46,120 100,152Q154,120 148,44"],
        chain: true,
        parts: [["M96,140H104V150H96Z", METAL]],
        lines: ["M100,148L92,172L100,190L108,172Z", "M88,172H112"],
    },
    Socks: {
        body: "M52,40H90V126Q92,146 116,160Q128,168 120,182Q112,192 98,188L62,166Q50,158 52,140Z" +
            "M104,52H142V134Q144,154 168,168Q180,176 172,190Q164,200 150,196L116,176Q104,168 104,152Z",
        parts: [["M52,40H90V54H52Z", "ink"], ["M104,52H142V66H104Z", "ink"],
            ["M52,140Q66,140 76,152L68,170L62,166Q50,158 52,140Z", "ink"],
            ["M104,152Q118,152 130,162L122,180L116,176Q104,168 104,152Z", "ink"],
            ["M108,156Q126,166 120,182Q112,192 98,188L94,185Q110,176 108,156Z", "ink"],
            ["M160,164Q180,176 172,190Q164,200 150,196L146,193Q162,184 160,164Z", "ink"]],
        fine: ["M58,41V53M64,41V53M70,41V53M76,41V53M82,41V53M110,53V65M116,53V65M122,53V65M128,53V65M134,53V65"],
    },
    "T-Shirts": {
        body: mirrored([100, 62], [118, 62, 126, 44], [148, 50, 158, 58], [176, 74, 188, 104], [178, 114, 164, 118],
            [150, 98], [152, 150, 150, 204], [126, 208, 100, 208]),
        inner: mirrored([100, 44], [114, 44, 126, 45], [116, 62, 100, 63]),
        lines: [...both("M130,46Q120,69 100,69"), ...both("M150,98L146,72")],
        fine: ["M50,199Q100,204 150,199", ...both("M161,113L185,100")],
    },
    Trousers: {
        body: mirrored([100, 32], [122, 32, 138, 31], [146, 70, 148, 120], [150, 218], [134, 222, 114, 220],
            [108, 150, 103, 96], [100, 92]),
        lines: ["M62,42Q100,46 138,42", "M100,46V92", ...both("M137,46L128,66"), ...both("M126,52Q132,130 132,219")],
        fine: ["M100,86Q106,84 107,48"],
        buttons: [[100, 38]],
    },
    Shoes: {
        body: "M26,126Q24,104 36,96Q52,108 70,98Q90,118 122,124Q148,130 148,152L26,152Z" +
            "M62,176Q60,154 72,146Q88,158 106,148Q126,168 158,174Q184,180 184,202L62,202Z",
        parts: [["M24,152H148V158H62V166H26Z", "#33261d"], ["M60,202H184V208H98V216H62Z", "#33261d"]],
        lines: ["M118,124Q110,138 122,152", "M154,174Q146,188 158,202", "M26,130Q54,136 64,118Q68,108 70,98",
            "M62,180Q90,186 100,168Q104,158 106,148", "M74,110L88,101M82,117L95,108", "M110,160L124,151M118,167L131,158"],
        fine: ["M122,128Q114,140 126,151", "M158,178Q150,190 162,201"],
    },
    Belts: {
        body: "M100,70A56,56 0 1 0 101,70ZM100,90A36,36 0 1 1 99,90ZM118,158L178,178L172,198L108,178Z",
        rule: "evenodd",
        lines: ["M126,168L172,184"],
        parts: [["M92,154H128V188H92ZM100,162H120V180H100Z", METAL]],
        holes: [[144, 175], [154, 178], [164, 182]],
    },
};

const PARCEL = { // a product of a category that nobody has drawn
    body: mirrored([100, 66], [150, 84], [150, 170], [100, 192]),
    lines: ["M50,84L100,104L150,84", "M100,104V192"],
};

const CUTS = { // width, height
    Oversized: [1.1, 1.02], Slim: [0.9, 1.02], Cropped: [1.02, 0.84], Relaxed: [1.05, 1],
};

const TEXTURES = {
    Wool: [["M1,2l3,-1M6,6l3,-1M3,9l2,1", 10, "#fff", 0.22], ["M5,3l2,1M0,7l3,1", 10, "#000", 0.16]],
    Linen: [["M0,2H8M0,6H8", 8, "#fff", 0.16], ["M2,0V8M6,0V8", 8, "#000", 0.07]],
    Denim: [["M-1,5L5,-1M1,9L9,1M3,11L11,3", 8, "#fff", 0.2]],
    Cashmere: [["M0,2L4,6L8,2M0,8L4,12L8,8", 12, "#fff", 0.2]],
    Recycled: [["M2,2h1.6M9,5h1.6M5,9h1.6M11,11h1.6", 13, "#fff", 0.5], ["M6,3h1.6M1,7h1.6M10,8h1.6", 13, "#000", 0.28]],
};

let drawn = 0;

/* Textures, shades and patterns of all pictures, once a page. */
export function definitions() {
    const defs = element("defs");
    for (const [name, layers] of Object.entries(TEXTURES)) {
        const pattern = element("pattern", {
            id: `weave-${name}`, width: layers[0][1], height: layers[0][1], patternUnits: "userSpaceOnUse",
        });
        for (const [d, , stroke, opacity] of layers)
            pattern.append(element("path", { d, stroke, "stroke-opacity": opacity, fill: "none" }));
        defs.append(pattern);
    }
    const shade = (id, horizontal, ...stops) => defs.append(element("linearGradient",
        { id, x2: horizontal ? 1 : 0, y2: horizontal ? 0 : 1 }, ...stops.map(([offset, colour, opacity]) =>
            element("stop", { offset, "stop-color": colour, "stop-opacity": opacity }))));
    shade("fold", true, [0, "#000", 0.2], [0.18, "#000", 0], [0.4, "#fff", 0.1], [0.62, "#000", 0], [1, "#000", 0.22]);
    shade("gloss", true, [0, "#000", 0.1], [0.28, "#fff", 0.42], [0.4, "#fff", 0], [0.7, "#fff", 0.24], [1, "#000", 0.12]);
    shade("sheen", false, [0, "#fff", 0.26], [0.3, "#fff", 0], [0.7, "#000", 0.04], [1, "#000", 0.2]);
    defs.append(element("pattern", { id: "stripes", width: 20, height: 20, patternUnits: "userSpaceOnUse" },
        element("rect", { width: 20, height: 8, fill: "#fff", "fill-opacity": 0.72 })),
    element("pattern", { id: "stripes-dark", width: 20, height: 20, patternUnits: "userSpaceOnUse" },
        element("rect", { width: 20, height: 7, fill: "#2b3a5e", "fill-opacity": 0.85 })),
    element("pattern", { id: "quilt", width: 24, height: 24, patternUnits: "userSpaceOnUse" },
        element("path", { d: "M0,0L24,24M24,0L0,24", stroke: "#000", "stroke-opacity": 0.3, fill: "none" }),
        element("path", { d: "M0,1.5L24,25.5M24,1.5L0,25.5", stroke: "#fff", "stroke-opacity": 0.25, fill: "none" })));
    const svg = element("svg", { width: 0, height: 0, "aria-hidden": "true", class: "definitions" }, defs);
    return svg;
}

function mixed(hex, other, share) {
    const part = (colour, at) => parseInt(colour.slice(at, at + 2), 16);
    return "#" + [1, 3, 5].map((at) => Math.round(part(hex, at) * (1 - share) + part(other, at) * share)
        .toString(16).padStart(2, "0")).join("");
}

export function colourOf(product) {
    return COLOURS[(product.colors || [])[0]] || "#a7a39a";
}

const drawings = new Map(); // by what is seen; the same picture is drawn once

export function draw(product) {
    const { material, cut } = product.attributes || {};
    const looks = [product.categories, product.colors, material, cut].join("|");
    if (!drawings.has(looks)) drawings.set(looks, drawing(product));
    return drawings.get(looks).cloneNode(true);
}

function drawing(product) {
    const category = ((product.categories || [])[0] || "").split(" > ").pop();
    const garment = GARMENTS[category] || PARCEL;
    const { material, cut } = product.attributes || {};
    const colour = colourOf(product);
    const dark = parseInt(colour.slice(1, 3), 16) + parseInt(colour.slice(3, 5), 16) < 170;
    const ink = mixed(colour, dark ? "#ffffff" : "#000000", dark ? 0.3 : 0.42);
    const clip = `clip-${++drawn}`;
    const stroke = { fill: "none", stroke: ink, "stroke-width": 1.5, "stroke-linecap": "round", "stroke-linejoin": "round" };
    const [wide, high] = CUTS[cut] || [1, 1];
    const group = element("g", {
        transform: `translate(${100 - 100 * wide} ${124 - 124 * high}) scale(${wide} ${high})`,
    });
    const over = (fill, opacity = 1) =>
        element("rect", { width: 200, height: 240, fill, opacity, "clip-path": `url(#${clip})` });
    const body = { d: garment.body, "fill-rule": garment.rule || "nonzero" };

    group.append(element("clipPath", { id: clip }, element("path",
        { d: garment.body, "clip-rule": garment.rule || "nonzero" })));
    for (const d of garment.back || []) {
        group.append(element("path", { d, fill: "none", stroke: garment.chain ? METAL : ink,
            "stroke-width": garment.chain ? 3 : 8, "stroke-dasharray": garment.chain ? "3 2.4" : "none" }));
        if (!garment.chain)
            group.append(element("path", { d, fill: "none", stroke: colour, "stroke-width": 5 }));
    }
    group.append(element("path", { ...body, fill: "#000", opacity: 0.12, transform: "translate(3 5)" }));
    if (garment.inner)
        group.append(element("path", { d: garment.inner, fill: mixed(colour, "#000000", 0.38) }));
    for (const [from, to, y] of garment.fringe || [])
        for (let x = from + 2; x < to; x += 4)
            group.append(element("path", { d: `M${x},${y - 1}v11`, stroke: colour, "stroke-width": 2 }));
    group.append(element("path", { ...body, fill: colour }));
    if (TEXTURES[material]) group.append(over(`url(#weave-${material})`));
    if (cut === "Striped") group.append(over(colour === COLOURS.White ? "url(#stripes-dark)" : "url(#stripes)"));
    if (cut === "Quilted") group.append(over("url(#quilt)"));
    for (const [d, fill] of garment.parts || [])
        group.append(element("path", { d, "fill-rule": "evenodd", fill: fill === "ink" ? mixed(colour, "#000000", 0.22) : fill,
            stroke: ink, "stroke-opacity": 0.5 }));
    group.append(over("url(#fold)"));
    if (material === "Silk") group.append(over("url(#gloss)"));
    if (material === "Leather") group.append(over("url(#sheen)"), over("url(#gloss)", 0.5));
    group.append(element("path", { ...body, ...stroke }));
    if (garment.lines) group.append(element("path", { ...stroke, d: garment.lines.join(""), "stroke-opacity": 0.75 }));
    if (garment.fine) group.append(element("path", { ...stroke, d: garment.fine.join(""), "stroke-width": 1,
        stroke: material === "Denim" ? METAL : ink, "stroke-opacity": material === "Denim" ? 0.9 : 0.5,
        "stroke-dasharray": material === "Denim" ? "3 2" : "none" }));
    for (const [cx, cy] of garment.buttons || [])
        group.append(element("circle", { cx, cy, r: 2.6, fill: garment.rivets ? METAL : mixed(colour, "#ffffff", 0.35), stroke: ink }));
    for (const [cx, cy] of garment.holes || [])
        group.append(element("circle", { cx, cy, r: 1.6, fill: "#000", opacity: 0.6 }));
    return element("svg", { viewBox: "0 0 200 240", class: "drawing", "aria-hidden": "true" }, group);
}
