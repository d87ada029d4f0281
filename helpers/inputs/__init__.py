"""What the model is shown: repeated random tokens, ordinary text, or a reader's own."""

from helpers.inputs.ordinary_text import (
    TextSample,
    read_control,
    read_text,
    reads_english,
    sample_text,
)
from helpers.inputs.paragraphs import Paragraph, load_paragraphs
from helpers.inputs.repeated_tokens import (
    RepeatedTokens,
    Sampling,
    fitting_n,
    read_repeated,
    sample_repeated_tokens,
    sample_unrepeated_tokens,
)
from helpers.inputs.tokenizing import (
    Input,
    Sample,
    about,
    bos_token,
    encode_text,
    label_tokens,
    listed_tokens,
    ordinary_tokens,
    pick_sequence,
    read_tokens,
    shuffle_tokens,
    without_special,
)
