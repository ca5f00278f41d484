"""The demonstration: its people and courses, and what is said once it can be tried."""

from . import data
from .plan import Plan, read_record
from .serving import get_serving_steps, get_url
from .steps import Step


def get_demo_steps(plan: Plan) -> list[Step]:
    """Return the whole set-up and then what only the demonstration needs."""
    load = Step("demonstration", lambda: data.load_demo(plan, read_record(plan.record)["base"]))
    return [*get_serving_steps(plan), load]


def welcome(plan: Plan) -> None:
    """Say where it is and who may try it."""
    password = data.get_shown_password(plan)
    print(f"\nCoyoteLab is ready at {get_url(plan)}")
    print("  instructor1 teaches cs101, instructor2 cs202; student1 attends cs101,")
    print("  student2 both, student3 none, student4 was dropped from cs101; admin is the admin.")
    print(f"  Password of them all: {password}")
    print("Ctrl-C stops it; workspaces and data stay.", flush=True)
