"""The blocks of an exercise: a task, and its solution folded away."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from asrun.errors import AsrunError
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.blocks.grounds import GroundedBlock, take_options
from asrun.pages.elements import element

__all__ = ["ExerciseBlock", "SolutionBlock", "take_solution"]

SOLUTION = "asrun-solution"


def take_solution(made: etree.Element) -> etree.Element | None:
    """Take the solution out of the block that it belongs to; nothing where there is none.

    Raises:
        AsrunError: when there are two.
    """
    found = [child for child in made if SOLUTION in child.get("class", "").split()]
    if len(found) > 1:
        raise AsrunError("there are two solutions here", remedy="write both into one solution block")
    for child in found:
        made.remove(child)
    return found[0] if found else None


class SolutionBlock(AsrunBlock):
    """`/// solution`, in an exercise, or whatever asks, whose own header has a slash more: what is shown afterwards."""

    NAME = "solution"

    def begin(self, made: etree.Element) -> None:
        around = self.page.unfinished[-2:-1]
        if not around or not self.config["extension"].blocks.blocks[around[0].kind].ASKS:
            raise AsrunError(
                "this solution belongs to nothing",
                remedy="write it into an exercise, whose header and end have a slash more: //// exercise | …",
            )
        made.tag = "details"
        made.set("class", SOLUTION)
        made.append(element("summary", "Solution"))


class ExerciseBlock(GroundedBlock):
    """`//// exercise | the task`: further text, a solution, and perhaps a `check` that it rests on.

    Options:
        check: A claim that the numbers of the solution rest on; it is decided and tested as claims are.
        scale: Read records of this scale.
    """

    NAME = "exercise"
    COUNTED = ASKS = True
    OPTIONS = take_options("check", "scale")

    def begin(self, made: etree.Element) -> None:
        super().begin(made)
        self.require_argument("the task")
        taken = self.page.taken
        number = 1 + sum(each.startswith("exercise-") for each in taken)
        name = f"exercise-{number}"
        taken.add(name)
        made.set("class", "asrun-exercise")
        made.set("id", name)
        task = etree.SubElement(made, "p", {"class": "asrun-task"})
        task.append(element("strong", f"Exercise {number}."))
        task[0].tail = " " + self.text

    def finish(self, made: etree.Element) -> None:
        solution = take_solution(made)
        if solution is None:
            raise AsrunError(
                "this exercise has no solution",
                remedy="write /// solution and /// around it, and give the exercise a slash more: //// exercise | …",
            )
        for child in self.decide("check", "what this solution rests on"):
            solution.append(child)
        made.append(solution)
