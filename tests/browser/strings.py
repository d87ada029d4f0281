"""Token texts that pages must survive: as many as GPT-2 has, and those that mean harm."""

import random

HOSTILE = [
    "</script><img src=x onerror=window.hurt=1>",
    "</SCRIPT ><script>window.hurt=1</script>",
    "<script>window.hurt=1</script>",
    "<!--",
    "-->",
    "<!--<script>",
    "<img/src=x onerror=window.hurt=1>",
    "<svg onload=window.hurt=1>",
    "</style><script>window.hurt=1</script>",
    "javascript:window.hurt=1",
    '"><img src=x onerror=window.hurt=1>',
    "' onmouseover='window.hurt=1",
    "`${window.hurt=1}`",
    "\\u003cscript\\u003e",
    "&lt;",
    "&lt;b&gt;",
    "&nbsp;",
    "&#0;",
    "<b>bold</b>",
    "<br>",
    "<a href=javascript:window.hurt=1>x</a>",
    "<extra></extra>",
    "%{z}",
    "$x^2$",
    "$$",
    "]]>",
    "{{7*7}}",
    "\u2028",
    "\u2029",
    "a\x00b",
    "\ufffd",
    "\ufeff",
    "\x7f",
    "\x1b[31m",
    "\r\n",
    "👩\u200d🔬",
    "🇩🇪",
    "é",
    "\u202eevil\u202c",
    "\u200f",
    "שלום",
    "مرحبا",
    "漢字",
    "__proto__",
    "constructor",
    "NaN",
    "null",
    "#L0H0",
]

UNHELD = ["\x00", "\ud800", "a\udfffb"]
"""What a labelled array cannot hold: numpy cuts NUL off a text, xarray refuses lone surrogates."""


def make_gpt2_like_tokens(count: int = 50_257) -> list[str]:
    """As many different strings as GPT-2 has tokens, of the kinds that it has.

    Single bytes in the vocabulary's spelling, words with and without a blank before them, digits,
    runs of punctuation and blanks, pieces of code, markup, and other scripts.
    """
    dice = random.Random(0)
    found = dict.fromkeys(
        chr(code) for code in [*range(33, 127), *range(161, 173), *range(174, 324)]
    )
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "er", "an")]
    marks = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    letters = {
        "Greek": range(0x3B1, 0x3CA),
        "Cyrillic": range(0x430, 0x450),
        "Hebrew": range(0x5D0, 0x5EB),
        "Arabic": range(0x628, 0x64B),
        "Thai": range(0xE01, 0xE2F),
        "Kana": range(0x3041, 0x3097),
        "Han": range(0x4E00, 0x4F00),
    }
    while len(found) < count:
        kind = dice.random()
        if kind < 0.75:
            word = "".join(dice.choices(syllables, k=dice.randint(1, 4)))
            word = dice.choice([word, word.capitalize(), word.upper()])
        elif kind < 0.82:
            word = "".join(dice.choices("0123456789", k=dice.randint(1, 5)))
        elif kind < 0.93:
            word = "".join(dice.choices(marks, k=dice.randint(1, 8)))
        elif kind < 0.96:
            word = dice.choice("·↵⇥_=*-") * dice.randint(1, 40)
        else:
            script = letters[dice.choice(list(letters))]
            word = "".join(chr(dice.choice(script)) for _ in range(dice.randint(1, 4)))
        found[dice.choice(["", "·"]) + word] = None
    return list(found)[:count]
