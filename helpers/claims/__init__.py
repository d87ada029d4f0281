"""The post's claims and our own against what a run measured."""

from helpers.claims import about_circuit, about_heads, about_text, post_claims
from helpers.claims.evidence import EVIDENCE, Evidence, FoundLine, judge_evidence
from helpers.claims.numbers import Number
from helpers.claims.post import CLAIMS, Claim, Measured
from helpers.claims.table import (
    claims_as_json,
    collect_claims,
    compare_evidence,
    say_interval,
    say_post,
    tabulate_claims,
    tabulate_evidence,
)
