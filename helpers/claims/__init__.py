"""The post's claims and our own against what a run measured."""

from helpers.claims.evidence import Evidence, FoundLine, judge_evidence
from helpers.claims.measured import Measured
from helpers.claims.numbers import Number
from helpers.claims.ours import EVIDENCE
from helpers.claims.post import CLAIMS, Claim
from helpers.claims.table import (
    claims_as_json,
    collect_claims,
    compare_evidence,
    say_post,
    tabulate_claims,
    tabulate_evidence,
)

__all__ = [
    "CLAIMS",
    "EVIDENCE",
    "Claim",
    "Evidence",
    "FoundLine",
    "Measured",
    "Number",
    "claims_as_json",
    "collect_claims",
    "compare_evidence",
    "say_post",
    "judge_evidence",
    "tabulate_claims",
    "tabulate_evidence",
]
