"""Boots one server per ComfyUI checkout and session; each test runs once per checkout."""

import pytest

from ..labelled_pictures import labelled_pictures
from .client import Client
from .hosts import Server, checkouts, make_base

FOUND = [checkout for checkout in checkouts() if checkout.missing() is None]


def pytest_generate_tests(metafunc):
    if "checkout" not in metafunc.fixturenames:
        return
    reason = "; ".join(filter(None, (entry.missing() for entry in checkouts())))
    values = FOUND or [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    names = [checkout.name for checkout in FOUND] or ["no-host"]
    metafunc.parametrize("checkout", values, ids=names, scope="session", indirect=True)


@pytest.fixture(scope="session")
def checkout(request):
    return request.param


@pytest.fixture(scope="session")
def frozen(checkout):
    """The host's packages before its first boot."""
    return checkout.freeze()


@pytest.fixture(scope="session")
def server(checkout, frozen, tmp_path_factory):
    base = make_base(tmp_path_factory.mktemp(checkout.name) / "base")
    labelled_pictures(base / "input")
    with Server(checkout, base) as booted:
        yield booted


@pytest.fixture(scope="session")
def client(server):
    return Client(server.url)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server is not None:
        report.sections.append((f"log of {server.checkout.name}", server.tail()))


def pytest_terminal_summary(terminalreporter):
    """Prints the figures that tests recorded."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {name} = {value}")
