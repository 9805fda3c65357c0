// A worker whose workflow has a run of many nodes as one of its steps.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// RunStatus is what this program needs of a run's last word; docs/wire.md has all of it.
type RunStatus struct {
	Run        string `json:"run"`
	Phase      string `json:"phase"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
	Generation int    `json:"generation"`
	Nodes      []struct {
		Rank    *int    `json:"rank"`
		Host    string  `json:"host"`
		Address *string `json:"address"`
	} `json:"nodes"`
	Failures []struct {
		Type string `json:"type"`
		Rank int    `json:"rank"`
		Host string `json:"host"`
	} `json:"failures"`
}

// TrainAndReport starts the task as a run, waits for its end and tells how it went.
func TrainAndReport(ctx workflow.Context, task map[string]any) (string, error) {
	options := workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "-run",
		// The control queue of the fleet `default`; of another one, `muster.<fleet>`.
		TaskQueue: "muster",
		// A cancellation waits until the nodes have ended, instead of leaving them to it.
		WaitForCancellation: true,
	}
	run := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), "musterRun", task)

	workflow.Go(ctx, func(ctx workflow.Context) {
		wishes := workflow.GetSignalChannel(ctx, "scale")
		for {
			var nodes int
			if !wishes.Receive(ctx, &nodes) {
				return
			}
			if err := run.SignalChildWorkflow(ctx, "rescaleWanted", map[string]any{"nodes": nodes}).Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Warn("The run did not hear of its new size", "error", err)
			}
		}
	})

	var status RunStatus
	if err := run.Get(ctx, &status); err != nil {
		var failure *temporal.ApplicationError
		if !errors.As(err, &failure) || failure.Details(&status) != nil || len(status.Failures) == 0 {
			return "", err // Cancelled, terminated, an invalid task.
		}
		first := status.Failures[0]
		return fmt.Sprintf("%s: node %d on %s: %s", failure.Type(), first.Rank, first.Host, status.Message), nil
	}
	addresses := make([]string, len(status.Nodes))
	for i, node := range status.Nodes {
		addresses[i] = *node.Address
	}
	return fmt.Sprintf("%s in generation %d on %s", status.Phase, status.Generation, strings.Join(addresses, " ")), nil
}

func main() {
	temporalClient, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS")})
	if err != nil {
		log.Fatalln(err)
	}
	defer temporalClient.Close()
	trainer := worker.New(temporalClient, "train-go", worker.Options{})
	trainer.RegisterWorkflowWithOptions(TrainAndReport, workflow.RegisterOptions{Name: "trainAndReport"})
	if err := trainer.Run(worker.InterruptCh()); err != nil {
		log.Fatalln(err)
	}
}
