"""Strict flags extend the user's, keep them, and extend no further."""

import subprocess

import pytest

from jaxlab.arithmetic.probe import strict_flags
from jaxlab.arithmetic.probe.strict import STRICT_FLAGS, starts


def everything(flags):
    return True


def test_all_flags_are_added_to_none():
    assert strict_flags("", everything).split() == list(STRICT_FLAGS)


def test_flags_of_the_user_are_kept_and_passes_are_joined():
    mine = "--xla_cpu_max_isa=SSE4_2 --xla_dump_to=/tmp/d --xla_disable_hlo_passes=cse,dce"
    found = strict_flags(mine, everything).split()
    assert found[:3] == [
        "--xla_cpu_max_isa=SSE4_2",
        "--xla_dump_to=/tmp/d",
        "--xla_disable_hlo_passes=cse,dce,algsimp",
    ]
    assert "--xla_cpu_max_isa=AVX" not in found


@pytest.mark.parametrize("unknown", [(), STRICT_FLAGS[3:4], STRICT_FLAGS])
@pytest.mark.parametrize("mine", ["", "--xla_disable_hlo_passes=", "  --xla_a=1   --xla_b"])
def test_extending_twice_is_extending_once(mine, unknown):
    supported = lambda flags: not any(flag in flags.split() for flag in unknown)  # noqa: E731
    once = strict_flags(mine, supported)
    assert strict_flags(once, supported) == once


def test_flags_that_xla_does_not_know_are_left_out():
    unknown = STRICT_FLAGS[4]
    found = strict_flags("--xla_mine=1", lambda flags: unknown not in flags.split())
    assert found.split() == ["--xla_mine=1", *STRICT_FLAGS[:4]]


def test_complete_flags_are_not_tried_again():
    def refuse(flags):
        raise AssertionError("asked")

    complete = strict_flags("", everything)
    assert strict_flags(complete, refuse) == complete


def test_a_file_of_flags_is_refused():
    with pytest.raises(ValueError, match=r"XLA_FLAGS: got 'flags.txt', expected flags that begin"):
        strict_flags("flags.txt", everything)


def test_a_process_that_hangs_does_not_start(monkeypatch):
    def hang(*args, timeout, **options):
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert starts("") is False


def test_this_xla_starts_under_the_strict_flags():
    assert starts(" ".join(STRICT_FLAGS))
