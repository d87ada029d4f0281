"""The post's claims and our own against what a run measured."""

from helpers.claims import about_circuit, about_heads, about_text, post_claims
from helpers.claims.evidence import EVIDENCE, Evidence, OwnLine, judge_evidence
from helpers.claims.headline import describe_run
from helpers.claims.line import ENDED, Line
from helpers.claims.numbers import Number
from helpers.claims.post import CLAIMS, Claim, PostLine
from helpers.claims.table import claims_as_json, collect_claims, compare_evidence
from helpers.claims.verdict import holds, say_line, verdict
from helpers.claims.what_holds import (
    explain_failures,
    list_failed,
    list_not_shown,
    list_own,
    list_post,
    read_run,
    sum_up,
)
