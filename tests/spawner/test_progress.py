"""Every listener hears every stage, whenever they begin to listen."""

import asyncio

from coyotelab_spawner.progress import Progress


async def heard(progress: Progress) -> list[str]:
    return [event["message"] async for event in progress.events()]


async def test_early_and_late_listeners_hear_the_same() -> None:
    progress = Progress()
    early = asyncio.create_task(heard(progress))
    progress.report("one")
    await asyncio.sleep(0)
    late = asyncio.create_task(heard(progress))
    progress.report("two")
    progress.end()
    assert await early == await late == await heard(progress) == ["one", "two"]


async def test_percentages_rise_and_stay_below_ready() -> None:
    progress = Progress()
    for number in range(8):
        progress.report(str(number))
    progress.end()
    values = [event["progress"] async for event in progress.events()]
    assert values == sorted(values)
    assert max(values) < 100
