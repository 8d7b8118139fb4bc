// A client of gRPC-Go for what no interop case looks at: errors behind large answers, large messages, deadlines, many
// calls at a time, applications that die or close their connections, pings, silence. The application is
// grpc-interop-server, and what is between is to be tested.
//
// It prints "step NAME" where the caller must do something to the application, and "ok: FINDINGS" at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

var (
	server  = flag.String("server", "", "HOST:PORT of what is tested")
	app     = flag.String("app", "", "HOST:PORT of the application itself")
	silence = flag.Duration("silence", 30*time.Second, "of the case silence")
)

// Go's client asks no more often.
const keepaliveTime = 10 * time.Second

// One connection to what is tested, and what is counted of it.
type client struct {
	testgrpc.TestServiceClient
	connection *grpc.ClientConn
	dials      atomic.Int32
}

var cases = map[string]func(context.Context, *client) (string, error){
	"details_after_2mb": detailsAfterLargeAnswer,
	"message_40mb":      largeMessages,
	"deadline_left":     deadlineLeft,
	"calls_1000":        manyCalls,
	"app_killed":        appKilled,
	"app_ages":          appAges,
	"clients_age":       clientsAge,
	"pings":             pings,
	"silence":           silent,
}

func main() {
	name := flag.String("case", "", "")
	flag.Parse()
	run, ok := cases[*name]
	if !ok {
		fmt.Println("no such case:", *name)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *silence+50*time.Second)
	defer cancel()
	found, err := run(ctx, dial())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok:", found)
}

func dial() *client {
	c := new(client)
	connection, err := grpc.NewClient("passthrough:///"+*server,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTime}),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			c.dials.Add(1)
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}))
	if err != nil {
		panic(err)
	}
	c.TestServiceClient = testgrpc.NewTestServiceClient(connection)
	c.connection = connection
	return c
}

// The client's own connection has to outlive all that becomes of the application's.
func (c *client) oneConnection() error {
	if dials := c.dials.Load(); dials != 1 {
		return fmt.Errorf("the client had to connect %d times", dials)
	}
	return nil
}

func payload(size int) *testgrpc.Payload {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i*7 + (i>>8)*13)
	}
	return &testgrpc.Payload{Body: body}
}

// A small call; gives the address of the application's client.
func small(ctx context.Context, c *client) (string, error) {
	var trailer metadata.MD
	request := &testgrpc.SimpleRequest{ResponseSize: 10}
	answer, err := c.UnaryCall(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return "", err
	}
	if n := len(answer.GetPayload().GetBody()); n != 10 {
		return "", fmt.Errorf("%d bytes in place of 10", n)
	}
	return first(trailer, "x-peer"), nil
}

func first(trailer metadata.MD, name string) string {
	values := trailer.Get(name)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// One message to and fro.
func exchange(stream testgrpc.TestService_FullDuplexCallClient, size int) error {
	parameters := []*testgrpc.ResponseParameters{{Size: int32(size)}}
	request := &testgrpc.StreamingOutputCallRequest{ResponseParameters: parameters, Payload: payload(size)}
	if err := stream.Send(request); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if n := len(answer.GetPayload().GetBody()); n != size {
		return fmt.Errorf("%d bytes in place of %d", n, size)
	}
	return nil
}

func distinct(all []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(all))))
}
