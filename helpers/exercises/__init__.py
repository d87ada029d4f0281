"""Exercises that check themselves: numbers to predict, functions to write, controls to design."""

from helpers.exercises import on_attention, on_loss, on_scan
from helpers.exercises.check import EXERCISES, Checked, Exercise, check, exercise
from helpers.exercises.judged import Judged
from helpers.exercises.tasks import ChoiceTask, DesignTask, FunctionTask, NumberTask, Trial
