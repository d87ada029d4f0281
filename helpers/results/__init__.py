"""Names on numbers: labelled arrays that carry what they are and where they come from."""

from helpers.results.agreement import Agreement, correlate
from helpers.results.files import (
    MOST_ROWS,
    PARTIAL,
    keep,
    load_result,
    save_result,
    save_table,
    to_long_table,
    write_json,
    write_whole,
)
from helpers.results.labels import LEVEL, Value, label_array, summarize, token_coord
from helpers.results.not_measurable import NotMeasurableError
from helpers.results.ranking import find_pair, rank_heads, selection_frequency
