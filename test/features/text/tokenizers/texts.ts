/**
 * Texts for comparing tokenizers: sentences in many languages, random runs of every script, emoji, controls, special
 * tokens as text, white space, and some very long ones. The same seed gives the same texts.
 */

/** Sentences as people write them. */
const SENTENCES: readonly string[] = [
  'The quick brown fox jumps over the lazy dog.',
  "It's 3:45pm; we'll meet at O'Neil's — don't be late!",
  'Der Übergrößenträger läuft schnell über die Straße.',
  'L’été dernier, nous avons mangé des crêpes à Nîmes.',
  'El pingüino comió cañas en la montaña. ¿Qué más?',
  'O coração não tem rugas; às vezes, só saudade.',
  'Zażółć gęślą jaźń, a potem idź spać.',
  'Příliš žluťoučký kůň úpěl ďábelské ódy.',
  'Árvíztűrő tükörfúrógép.',
  'Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul IĞDIR',
  'Съешь ещё этих мягких французских булок, да выпей чаю.',
  'Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів!',
  'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.',
  'עטלף אבק נס דרך מזגן שהתפוצץ כי חם.',
  'נִקּוּד עִבְרִי',
  'نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر.',
  'بِسْمِ اللَّهِ الرَّحْمَٰنِ',
  'یک مثال ساده برای آزمایش می‌شود.',
  'ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण।',
  'আমি বাংলায় গান গাই।',
  'யாமறிந்த மொழிகளிலே தமிழ்மொழி போல் இனிதாவது எங்கும் காணோம்',
  'అందరికీ నమస్కారం',
  'ประเทศไทยมีภาษาของตัวเองที่ไม่มีช่องว่าง',
  'ພາສາລາວ',
  'ភាសាខ្មែរ',
  'မြန်မာဘာသာစကား',
  'བོད་སྐད་',
  'ქართული ენა ძველია',
  'Հայերեն լեզու',
  'አማርኛ ቋንቋ',
  '我能吞下玻璃而不伤身体。',
  '機器學習與深度學習的差異是什麼？',
  'いろはにほへと ちりぬるを。カタカナとﾊﾝｶｸも。',
  '東京都に行きました（２０２４年）。',
  '키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.',
  'ㄱㅏㄴㅏㄷㅏ 가나다',
  'Tiếng Việt có nhiều dấu: ắ ặ ẫ ữ.',
  'ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ',
  'ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕞𝕒𝕥𝕙 𝒶𝓁𝓅𝒽𝒶 ｆｕｌｌｗｉｄｔｈ ﬁligature ½ ² Ⅷ ㎏ ℡',
  '𠜎𠜱𠝹𠱓 rare han, 𓂀𓆣 hieroglyphs',
  'def f(x):\n\treturn {k: v for k, v in x.items() if v != 0x1F}  # comment',
  "SELECT * FROM \"users\" WHERE name = 'O''Reilly' AND id <= 42;",
  'https://example.com/a/b?q=caf%C3%A9&x=1#frag user.name+tag@example.co.uk',
  '1234567890 3.14159 1,000,000 -42 1e-10 ٣٤٥ १२३ ５６',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '!!!???...,,,;;;:::---___+++***///\\\\\\|||~~~```^^^$$$%%%&&&',
  'e\u0301 vs \u00e9; o\u0302\u0323 vs \u1ed9; \u1100\u1161\u11a8 vs \uac01; \u212b vs \u00c5',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞',
];

const EMOJI: readonly string[] = ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪🇯🇵', '☕️', '❤️‍🔥', '1️⃣', '🧑🏿‍🚀', '™️', '🫠', '⁉'];

/** Texts of tokens that are special in some of the tokenizers. */
const SPECIAL: readonly string[] = [
  ...['[CLS]', '[SEP]', '[MASK]', '[PAD]', '[UNK]', '<s>', '</s>', '<pad>', '<unk>', '<mask>', '<bos>', '<eos>'],
  ...[
    '<|endoftext|>',
    '<|im_start|>',
    '<|begin_of_text|>',
    '<｜begin▁of▁sentence｜>',
    '<0x0A>',
    '##ing',
    '▁',
    'Ġ',
    'Ċ',
  ],
];

const CONTROLS: readonly string[] = [
  ...['\u0000', '\u0001', '\u0007', '\b', '\u000b', '\f', '\u001b[31m', '\u007f', '\u0085', '\u009f', '\u00ad'],
  ...['\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2028', '\u2029', '\u202e', '\u2060', '\u2066', '\ufeff'],
  ...['\ufffd', '\ufffe', '\uffff', '\ufdd0', '\ue000', '\u{f0000}', '\u{10ffff}', '\u{e0001}', '\u034f', '\u180e'],
];

const SPACES: readonly string[] = [
  ...[' ', '  ', '   ', '\t', '\n', '\r\n', '\n\n\n', '\u00a0', '\u1680', '\u2003', '\u202f', '\u205f', '\u3000'],
];

/** First and last code points of blocks that have letters, marks or symbols. */
const BLOCKS: readonly (readonly [number, number])[] = [
  ...([
    [0x20, 0x7e],
    [0xa0, 0xff],
    [0x100, 0x24f],
    [0x250, 0x2ff],
    [0x300, 0x36f],
    [0x370, 0x3ff],
  ] as const),
  ...([
    [0x400, 0x52f],
    [0x530, 0x58f],
    [0x590, 0x5ff],
    [0x600, 0x6ff],
    [0x700, 0x7bf],
    [0x900, 0x97f],
  ] as const),
  ...([
    [0x980, 0xdff],
    [0xe00, 0xeff],
    [0xf00, 0xfff],
    [0x1000, 0x109f],
    [0x10a0, 0x10ff],
  ] as const),
  ...([
    [0x1100, 0x11ff],
    [0x1200, 0x139f],
    [0x1780, 0x17ff],
    [0x1e00, 0x1fff],
    [0x2000, 0x206f],
  ] as const),
  ...([
    [0x2070, 0x20cf],
    [0x20d0, 0x20ff],
    [0x2100, 0x23ff],
    [0x2460, 0x27bf],
    [0x2e80, 0x303f],
  ] as const),
  ...([
    [0x3040, 0x30ff],
    [0x3100, 0x33ff],
    [0x3400, 0x9fff],
    [0xac00, 0xd7a3],
    [0xf900, 0xfaff],
  ] as const),
  ...([
    [0xfb00, 0xfdff],
    [0xfe00, 0xfe6f],
    [0xff00, 0xffef],
    [0x10000, 0x100ff],
    [0x10330, 0x1034f],
  ] as const),
  ...([
    [0x12000, 0x123ff],
    [0x1d400, 0x1d7ff],
    [0x1f000, 0x1faff],
    [0x20000, 0x2a6df],
    [0x2f800, 0x2fa1d],
  ] as const),
];

/** A generator of numbers from 0 to 1 (Mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` texts; none has a lone surrogate, as UTF-8 cannot carry one. */
export function textsFor(count: number, seed: number): readonly string[] {
  const random = seededRandom(seed);
  const fixed = ['', ...SENTENCES, ...EMOJI, ...SPECIAL, ...CONTROLS, ...SPACES, ...longTexts(random)];
  const texts = fixed.slice(0, count);
  while (texts.length < count) texts.push(textOf(random));
  return texts;
}

/** Each text with the next one. The long ones are left out: a pair is made of short texts. */
export function pairsOf(texts: readonly string[]): readonly (readonly [string, string])[] {
  const short = texts.filter(({ length }) => length < 1000);
  return short.slice(1).map((text, i) => [short[i]!, text]);
}

/** Each of some ten thousand characters: words, one word, one letter, and scripts without spaces. */
function longTexts(random: () => number): readonly string[] {
  const words = Array.from({ length: 400 }, () => pick(random, SENTENCES)).join(' ');
  return [
    words,
    words.replace(/\s/g, ''),
    'a'.repeat(50_000),
    '𝕏'.repeat(10_000),
    '中文字'.repeat(10_000),
    ' '.repeat(20_000),
  ];
}

function textOf(random: () => number): string {
  const parts: string[] = [];
  const count = 1 + Math.floor(random() ** 2 * 8);
  for (let i = 0; i < count; i++) parts.push(partOf(random));
  return parts.join(random() < 0.6 ? ' ' : '');
}

function partOf(random: () => number): string {
  const kind = random();
  if (kind < 0.35) return sliceOf(random, pick(random, SENTENCES));
  if (kind < 0.6) return runOf(random, pick(random, BLOCKS));
  if (kind < 0.7) return pick(random, EMOJI);
  if (kind < 0.78) return pick(random, CONTROLS);
  if (kind < 0.86) return pick(random, SPACES);
  if (kind < 0.92) return pick(random, SPECIAL);
  if (kind < 0.96) return changedCase(random, pick(random, SENTENCES));
  return codePoint(random, 0, 0x10ffff);
}

/** Whole code points from somewhere to somewhere else: words may be cut. */
function sliceOf(random: () => number, text: string): string {
  const points = Array.from(text);
  const from = Math.floor(random() * points.length);
  return points.slice(from, from + 1 + Math.floor(random() * (points.length - from))).join('');
}

function runOf(random: () => number, [first, last]: readonly [number, number]): string {
  const length = 1 + Math.floor(random() * 12);
  return Array.from({ length }, () => codePoint(random, first, last)).join('');
}

function codePoint(random: () => number, first: number, last: number): string {
  const point = first + Math.floor(random() * (last - first + 1));
  return point >= 0xd800 && point <= 0xdfff ? '\ufffd' : String.fromCodePoint(point);
}

function changedCase(random: () => number, text: string): string {
  return random() < 0.5 ? text.toUpperCase() : text.toLowerCase();
}

function pick<Each>(random: () => number, from: readonly Each[]): Each {
  return from[Math.floor(random() * from.length)]!;
}
