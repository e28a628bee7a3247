"""Every attack by its name, with its row of the catalogue and what it tries; and the files that they are kept in, each of
which says the same at its end."""

import dataclasses
import inspect
from collections.abc import Callable

from . import algorithms, maker, markup, messages, places, references, values, wrapping


@dataclasses.dataclass(frozen=True)
class Attack:
    """`make` makes its document for a place."""

    name: str
    row: int
    tries: str
    make: Callable[[places.Place | messages.Message], str]


def _all(*modules):
    for module in modules:
        for name, make in vars(module).items():
            if inspect.isfunction(make) and make.__module__ == module.__name__ and not name.startswith("_"):
                rows = getattr(module, "ROWS", {})
                row = next((row for prefix, row in rows.items() if name.startswith(prefix)), module.ROW)
                yield Attack(name, row, make.__doc__, make)


ATTACKS = {attack.name: attack for attack in _all(wrapping, references, values, algorithms, markup)}
# On signatures over parts of a message.
MESSAGES = {attack.name: attack for attack in _all(messages)}

# Where their documents are kept, and of which modules; for other places they are made when they are needed.
KEPT = {
    places.AuthnRequest("authn-request"): (wrapping, references, values, algorithms, markup),
    places.Metadata("metadata"): (wrapping, references, values, algorithms, markup),
    places.Aggregate("aggregate"): (wrapping, references),
}


def files():
    """Every file that is kept: its path below `tests/data/attacks`, and its text."""
    for place, modules in KEPT.items():
        yield (
            f"{place.name}/honest.xml",
            place.around(maker.signed(place)) + "<!-- honest: nothing is wrong with it -->\n",
        )
        for attack in ATTACKS.values():
            if attack.make.__module__ in [module.__name__ for module in modules]:
                yield f"{place.name}/{attack.name}.xml", attack.make(place) + _said(attack)
    message = messages.Message("message")
    yield "message/honest.xml", message.text() + "<!-- honest: nothing is wrong with it -->\n"
    for attack in MESSAGES.values():
        yield f"message/{attack.name}.xml", attack.make(message) + _said(attack)


def _said(attack):
    return f"<!-- {attack.name} (row {attack.row} of the catalogue): {attack.tries} -->\n"
