package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// An answer of 2 MB, then an error with details: its trailers are behind what fills every window.
func detailsAfterLargeAnswer(ctx context.Context, c *client) (string, error) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	if err := exchange(stream, 2_000_000); err != nil {
		return "", err
	}
	const reason = "not today: 50 % – ü"
	wanted := &testgrpc.EchoStatus{Code: int32(codes.FailedPrecondition), Message: reason}
	if err := stream.Send(&testgrpc.StreamingOutputCallRequest{ResponseStatus: wanted}); err != nil {
		return "", err
	}
	_, err = stream.Recv()
	got := status.Convert(err)
	if got.Code() != codes.FailedPrecondition || got.Message() != reason {
		return "", fmt.Errorf("another status: %v", err)
	}
	details := got.Details()
	if len(details) != 1 {
		return "", fmt.Errorf("%d details in place of one", len(details))
	}
	info, ok := details[0].(*errdetails.ErrorInfo)
	if !ok || info.Reason != reason || info.Domain != "interop" {
		return "", fmt.Errorf("other details: %v", details[0])
	}
	if first(stream.Trailer(), "x-peer") == "" {
		return "", fmt.Errorf("no trailer of the application's: %v", stream.Trailer())
	}
	return info.Reason, nil
}

func largeMessages(ctx context.Context, c *client) (string, error) {
	sent := payload(40_000_000)
	ctx = metadata.AppendToOutgoingContext(ctx, "x-echo", "1")
	answer, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{Payload: sent})
	if err != nil {
		return "", err
	}
	if !bytes.Equal(answer.GetPayload().GetBody(), sent.Body) {
		return "", fmt.Errorf("%d bytes came back, and not those that were sent", len(answer.GetPayload().GetBody()))
	}
	return "40 MB each way, the same bytes", nil
}

// What the application is told is left: some of a deadline, and none where there is none.
func deadlineLeft(ctx context.Context, c *client) (string, error) {
	left := func(ctx context.Context) (string, error) {
		var trailer metadata.MD
		_, err := c.EmptyCall(ctx, &testgrpc.Empty{}, grpc.Trailer(&trailer), grpc.WaitForReady(true))
		return first(trailer, "x-left-ms"), err
	}
	if _, err := left(ctx); err != nil { // connects
		return "", err
	}
	if none, err := left(context.WithoutCancel(ctx)); err != nil || none != "" {
		return "", fmt.Errorf("%q ms are left of no deadline; %v", none, err)
	}
	const given = 20 * time.Second
	short, cancel := context.WithTimeout(ctx, given)
	defer cancel()
	begun := time.Now()
	text, err := left(short)
	took := time.Since(begun)
	if err != nil {
		return "", err
	}
	ms, err := strconv.Atoi(text)
	if err != nil {
		return "", err
	}
	// Each hop may round to milliseconds.
	least := (given - took).Milliseconds() - 3
	if ms >= int(given.Milliseconds()) || ms < int(least) {
		return "", fmt.Errorf("%d ms are left of %v, in a call that took %v", ms, given, took)
	}
	return fmt.Sprintf("%d of %d ms", ms, given.Milliseconds()), nil
}

// A thousand streams that are all open before one of them may end.
func manyCalls(ctx context.Context, c *client) (string, error) {
	const calls = 1000
	var open, ended sync.WaitGroup
	open.Add(calls)
	failures := make(chan error, calls)
	peers := make(chan string, calls)
	for range calls {
		ended.Go(func() {
			peer, err := oneOfMany(ctx, c, &open)
			failures <- err
			peers <- peer
		})
	}
	ended.Wait()
	close(failures)
	close(peers)
	for err := range failures {
		if err != nil {
			return "", err
		}
	}
	var all []string
	for peer := range peers {
		all = append(all, peer)
	}
	return fmt.Sprintf("%d streams at a time, %d connections to the application", calls, distinct(all)), c.oneConnection()
}

func oneOfMany(ctx context.Context, c *client, open *sync.WaitGroup) (string, error) {
	stream, err := c.FullDuplexCall(ctx)
	if err == nil {
		err = exchange(stream, 100)
	}
	open.Done()
	if err != nil {
		return "", err
	}
	open.Wait()
	if err := exchange(stream, 1000); err != nil {
		return "", err
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("no end: %w", err)
	}
	return first(stream.Trailer(), "x-peer"), nil
}
