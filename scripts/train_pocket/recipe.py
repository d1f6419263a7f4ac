"""The five pocket models: shapes, budgets and what each is trained on."""

from dataclasses import dataclass

from orchestrator_graph.pocket.families import FAMILIES
from orchestrator_graph.pocket.family import FIELDS

ROW = 80
ANSWER_SLOTS = 40
VOCABULARY = 260
CONTEXT = 128
BOS, EOS, FIRST_BYTE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model's shape and training budget; everything else follows from it."""

    name: str
    width: int
    layers: int
    heads: int
    hidden: int
    steps: int
    batch: int
    rate: float
    fields: tuple[str, ...] = FIELDS
    seed: int = 7

    @property
    def families(self) -> tuple[str, ...]:
        """The families that the model is trained on."""
        return tuple(name for name, family in FAMILIES.items() if family.field in self.fields)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("text", 32, 3, 2, 96, 3000, 24, 1.5e-2, ("text",)),
        Recipe("logic", 64, 3, 4, 128, 9000, 12, 7e-3, ("logic",)),
        Recipe("maths", 64, 3, 4, 128, 5000, 24, 1e-2, ("maths",)),
        Recipe("small", 32, 3, 2, 96, 6000, 32, 1.5e-2),
        Recipe("medium", 96, 3, 3, 128, 6000, 32, 8e-3),
    )
}
