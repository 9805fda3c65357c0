"""A worker whose workflow has a run of many nodes as one of its steps."""

import asyncio
import os
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ChildWorkflowError
from temporalio.worker import Worker


@workflow.defn(name="trainAndReport")
class TrainAndReport:
    """Starts the task as a run, waits for its end and tells how it went."""

    def __init__(self) -> None:
        self.started: asyncio.Future[workflow.ChildWorkflowHandle[Any, Any]] = asyncio.Future()

    @workflow.run
    async def run(self, task: dict[str, Any]) -> str:
        run = await workflow.start_child_workflow(
            "musterRun",
            task,
            id=f"{workflow.info().workflow_id}-run",
            # The control queue of the fleet `default`; of another one, `muster.<fleet>`.
            task_queue="muster",
        )
        self.started.set_result(run)
        try:
            status = await run
        except ChildWorkflowError as error:
            failure = error.cause
            if not isinstance(failure, ApplicationError) or not failure.details or not failure.details[0]["failures"]:
                raise  # Cancelled, terminated, an invalid task.
            status = failure.details[0]
            first = status["failures"][0]
            return f"{failure.type}: node {first['rank']} on {first['host']}: {status['message']}"
        addresses = " ".join(node["address"] for node in status["nodes"])
        return f"{status['phase']} in generation {status['generation']} on {addresses}"

    @workflow.signal
    async def scale(self, nodes: int) -> None:
        run = await self.started
        await run.signal("rescaleWanted", {"nodes": nodes})


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    await Worker(client, task_queue="train-python", workflows=[TrainAndReport]).run()


if __name__ == "__main__":
    asyncio.run(main())
