"""Which signals stop a run."""

import signal

import pytest

from nbexp.launch import _stopping


class Asked:
    """Stands where a run would, and keeps why it was to stop."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def request_stop(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("is_ignored", [False, True])
def test_signals_stop_a_run_but_a_hangup_that_was_ignored_when_it_began(name, is_ignored):
    number, asked = signal.Signals[name], Asked()
    outside = signal.SIG_IGN if is_ignored else signal.default_int_handler
    previous = signal.signal(number, outside)
    try:
        with _stopping(asked):
            signal.raise_signal(number)
        assert signal.getsignal(number) is outside
    finally:
        signal.signal(number, previous)
    assert asked.reasons == ([] if is_ignored and name == "SIGHUP" else [f"stopped by {name}"])
