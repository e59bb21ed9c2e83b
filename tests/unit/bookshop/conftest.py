import pytest

from bookshop.catalogue import Book, load_books
from bookshop.simulator import Simulation, simulate

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.fixture(scope="session")
def books() -> tuple[Book, ...]:
    return load_books()


@pytest.fixture(scope="session")
def simulation(books: tuple[Book, ...]) -> Simulation:
    return simulate(books=books, seed=7, start_ms=START_MS)
