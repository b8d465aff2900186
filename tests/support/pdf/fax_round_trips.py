"""Random faxes of the portal's own pages to a provider and back: how many pages can be matched with their document."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.fax_pages import FaxPage, link_stem, read_page_link
from chalicelib.pdf.fax_reading import PageCode, find_page_code
from examples.mailbox.fax_damage import DOWN, Damage, Look, draw_pages, send_and_return
from tests.support.pdf import sample_pdfs as samples

PAGES = 3
DOCUMENTS = ("doc_mfrggzdfmztwq2lknnwg23tpoa", "doc_oz3xq6lb2cr7m5n4a3y6w2kdue", "doc_7fsd2qk5r3lpz6xh4mtb2yvawc")
STEMS = tuple(link_stem("https://portal.example.com", name, f"{index}9f86d0") for index, name in enumerate(DOCUMENTS))


@dataclass(frozen=True)
class Result:
    """The result of the random round trips.

    `matched` counts the faxes of which every page was read right, and `wrong` the pages read as another page, or turned
    the wrong way. `seconds` is the processor's time for reading each page. `missed` has the damage of each page that
    was not read."""

    faxes: int
    matched: int
    wrong: int
    seconds: Sequence[float]
    missed: Sequence[str]

    @property
    def milliseconds_a_page(self) -> float:
        return 1000 * sum(self.seconds) / len(self.seconds)


def run_round_trips(count: int, seed: int) -> Result:
    """Fax documents to and fro, each time with random damage and with some pages missing or in another order."""
    random, seconds, missed = Random(seed), [], []  # noqa: S311 - damage, not secrets
    pages, outcomes, wrong = _draw_documents(), Counter[bool](), 0
    for _ in range(count):
        chosen = random.sample(pages[random.choice(DOCUMENTS)], k=random.randint(1, PAGES))
        is_matched = True
        for expected, picture in chosen:
            damage = choose_damage(random)
            received = send_and_return(picture, damage, random)
            start = time.process_time()
            found = find_page_code(received)
            seconds.append(time.process_time() - start)
            right = PageCode(expected, 180 if damage.upside_down else 0)
            wrong += found not in (right, None)
            is_matched = is_matched and found == right
            missed += [repr(damage)] if found is None else []
        outcomes[is_matched] += 1
    return Result(count, outcomes[True], wrong, seconds, missed)


def choose_damage(random: Random) -> Damage:
    return Damage(
        sent=random.choice(DOWN),
        returned=random.choice(DOWN),
        size=random.uniform(0.5, 1),
        skew=random.uniform(-5, 5),
        look=random.choice(tuple(Look)),
        upside_down=random.random() < 0.25,
    )


def _draw_documents() -> dict[str, list[tuple[FaxPage, Image.Image]]]:
    """Return the pages of some faxed documents, without the covers: what the QR code must say, and the picture."""
    documents: dict[str, list[tuple[FaxPage, Image.Image]]] = {}
    for name, stem in zip(DOCUMENTS, STEMS, strict=True):
        pictures = draw_pages(compose_fax(replace(samples.COVER, link_stem=stem), samples.plan_of_care(PAGES)))[1:]
        for number, picture in enumerate(pictures, start=1):
            page = read_page_link(f"{stem}{number}")
            if page is None:
                raise ValueError("a link that cannot be read")
            documents.setdefault(name, []).append((page, picture))
    return documents
