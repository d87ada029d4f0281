"""Executing the notebooks, turning them into pages, and collecting what they measured."""

from helpers.run.contents import write_index
from helpers.run.guard import RunError
from helpers.run.notebooks import Outcome, find_notebooks, run_notebook
from helpers.run.pages import say_failure, write_page
from helpers.run.price import tell_price
from helpers.run.student import write_student
from helpers.run.walkthrough import WalkthroughRun, run_folder, run_walkthrough
