package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The caller kills the application at "step kill", and starts it again on its port at "step return".
func appKilled(ctx context.Context, c *client) (string, error) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	if err := exchange(stream, 100); err != nil {
		return "", err
	}
	fmt.Println("step kill")
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		return "", fmt.Errorf("an open stream of a killed application: %w", err)
	}
	if _, err := small(ctx, c); status.Code(err) != codes.Unavailable {
		return "", fmt.Errorf("a call to a killed application: %v", err)
	}
	fmt.Println("step return")
	refused := 0
	for {
		_, err := small(ctx, c)
		if err == nil {
			break
		}
		if status.Code(err) != codes.Unavailable {
			return "", fmt.Errorf("a call until the application is back: %w", err)
		}
		refused++
		time.Sleep(20 * time.Millisecond)
	}
	for range 100 {
		if _, err := small(ctx, c); err != nil {
			return "", fmt.Errorf("a call once the application is back: %w", err)
		}
	}
	return fmt.Sprintf("%d calls refused until it was back, none of 100 then", refused), c.oneConnection()
}

// The application says goodbye to each connection after a second, and cuts it off two seconds later.
func appAges(ctx context.Context, c *client) (string, error) {
	endless, err := c.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	if err := exchange(endless, 100); err != nil {
		return "", err
	}
	var peers []string
	var isOver atomic.Bool
	var calls sync.WaitGroup
	var failure error
	calls.Go(func() {
		for !isOver.Load() && failure == nil {
			var peer string
			peer, failure = small(ctx, c)
			peers = append(peers, peer)
		}
	})
	longer, failed := longerThanAge(ctx, c)
	_, cut := endless.Recv()
	isOver.Store(true)
	calls.Wait()
	switch connections := distinct(peers); {
	case failure != nil:
		return "", fmt.Errorf("a short call: %w", failure)
	case failed != nil:
		return "", fmt.Errorf("a stream that ends within the grace: %w", failed)
	case status.Code(cut) != codes.Unavailable:
		return "", fmt.Errorf("a stream that the application cuts off: %w", cut)
	case connections < 2:
		return "", fmt.Errorf("all %d calls had one connection", len(peers))
	default:
		return fmt.Sprintf("short calls over %d connections, a stream of %v", connections, longer), c.oneConnection()
	}
}

// A stream that is open when its connection is told to end, and for a while after.
func longerThanAge(ctx context.Context, c *client) (time.Duration, error) {
	begun := time.Now()
	stream, err := c.FullDuplexCall(ctx)
	for err == nil && time.Since(begun) < 1700*time.Millisecond {
		time.Sleep(100 * time.Millisecond)
		err = exchange(stream, 100)
	}
	if err != nil {
		return 0, err
	}
	if err := stream.CloseSend(); err != nil {
		return 0, err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("no end: %w", err)
	}
	return time.Since(begun).Round(time.Millisecond), nil
}

// Clients whose connections never get old: the application's outlives them all.
func clientsAge(ctx context.Context, _ *client) (string, error) {
	const clients = 50
	var peers []string
	for range clients {
		c := dial()
		peer, err := small(ctx, c)
		if err != nil {
			return "", err
		}
		peers = append(peers, peer)
		if err := c.connection.Close(); err != nil {
			return "", err
		}
	}
	if connections := distinct(peers); connections != 1 {
		return "", fmt.Errorf("%d connections to the application", connections)
	}
	return fmt.Sprintf("%d connections of clients, one to the application", clients), nil
}

// Pings that gRPC-Go takes offence at end at what is tested: it answers them, and the application never sees one.
func pings(ctx context.Context, c *client) (string, error) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	if err := exchange(stream, 100); err != nil {
		return "", err
	}
	acks, goaway, err := pingOften(*app)
	if err != nil || goaway != "ENHANCE_YOUR_CALM too_many_pings" {
		return "", fmt.Errorf("the application itself: %d answers, then %q, %v", acks, goaway, err)
	}
	acks, goaway, err = pingOften(*server)
	if err != nil || goaway != "" || acks != pingCount {
		return "", fmt.Errorf("%d of %d pings were answered, then %q, %v", acks, pingCount, goaway, err)
	}
	if err := exchange(stream, 100); err != nil {
		return "", fmt.Errorf("a stream beside: %w", err)
	}
	return fmt.Sprintf("%d answered; the application says too_many_pings", acks), c.oneConnection()
}

const pingCount = 20

// Gives how many were answered until GOAWAY, and that.
func pingOften(address string) (acks int, goaway string, err error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return 0, "", err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, "", err
	}
	if _, err := io.WriteString(connection, http2.ClientPreface); err != nil {
		return 0, "", err
	}
	framer := http2.NewFramer(connection, connection)
	if err := framer.WriteSettings(); err != nil {
		return 0, "", err
	}
	for i := range pingCount {
		if err := framer.WritePing(false, [8]byte{byte(i)}); err != nil {
			break // it may have closed the connection: what it said is still to be read
		}
	}
	for acks < pingCount {
		frame, err := framer.ReadFrame()
		if err != nil {
			return acks, "", err
		}
		switch frame := frame.(type) {
		case *http2.PingFrame:
			if frame.IsAck() {
				acks++
			}
		case *http2.GoAwayFrame:
			return acks, fmt.Sprintf("%v %s", frame.ErrCode, frame.DebugData()), nil
		}
	}
	return acks, "", nil
}

// Nothing is said for a while in a stream that is open. Go's client asks every ten seconds whether the other side is
// there, and the application every second.
func silent(ctx context.Context, c *client) (string, error) {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return "", err
	}
	if err := exchange(stream, 100); err != nil {
		return "", err
	}
	time.Sleep(*silence)
	if err := exchange(stream, 100_000); err != nil {
		return "", fmt.Errorf("after %v of silence: %w", *silence, err)
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("no end: %w", err)
	}
	return silence.String(), c.oneConnection()
}
