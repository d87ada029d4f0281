"""Exercises that check themselves: numbers to predict, functions to write, controls to design."""

from helpers.exercises import (
    on_attention,
    on_circuit,
    on_loss,
    on_mlps,
    on_paths,
    on_removal,
    on_scan,
    on_text,
)
from helpers.exercises.check import EXERCISES, Checked, Exercise, check, exercise
from helpers.exercises.judged import Judged
from helpers.exercises.tasks import ChoiceTask, DesignTask, FunctionTask, NumberTask, Trial
