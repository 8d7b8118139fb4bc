// gRPC-Go's interop service (google.golang.org/grpc/interop) as an application that is fronted. Beside what that does,
// as gRPC's descriptions of the cases want it or the tests of fronting look at:
//
//   - fill_server_id, response_compressed; messages of up to 64 MiB, with gzip
//   - an error has details: an ErrorInfo whose reason is its message
//   - the trailers x-left-ms, what is left of the call's deadline; x-encoding, how its messages were packed; x-peer, the
//     address that the call came from
//   - the header x-echo: the answer is the request's payload
//   - "cancelled METHOD" is printed when a call's client has left
//
// It prints "listening PORT" first. Who may ask how often is Go's default: one PING in five minutes.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const maxMessageBytes = 64 << 20

func main() {
	port := flag.Int("port", 0, "0: any that is free")
	age := flag.Duration("max_connection_age", 0, "0: for ever")
	grace := flag.Duration("max_connection_age_grace", time.Minute, "")
	ask := flag.Duration("keepalive_time", 2*time.Hour, "of silence, after which a client is asked whether it is there")
	streams := flag.Uint("max_concurrent_streams", 0, "0: any number")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes),
		grpc.StatsHandler(encodings{}),
		grpc.UnaryInterceptor(unary),
		grpc.StreamInterceptor(stream),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: *age, MaxConnectionAgeGrace: *grace, Time: *ask, Timeout: 20 * time.Second,
		}),
	}
	if *streams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(*streams)))
	}
	server := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	panic(server.Serve(listener))
}

func unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	defer tell(ctx, info.FullMethod)
	grpc.SetTrailer(ctx, trailers(ctx))
	request, isSimple := in.(*testgrpc.SimpleRequest)
	if isSimple && request.GetResponseCompressed().GetValue() {
		grpc.SetSendCompressor(ctx, "gzip")
	}
	if isSimple && len(metadata.ValueFromIncomingContext(ctx, "x-echo")) > 0 {
		return &testgrpc.SimpleResponse{Payload: request.GetPayload()}, nil
	}
	out, err := next(ctx, in)
	if response, ok := out.(*testgrpc.SimpleResponse); ok && isSimple && request.GetFillServerId() && err == nil {
		response.ServerId = "grpc-go"
	}
	return out, detailed(err)
}

func stream(service any, all grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	defer tell(all.Context(), info.FullMethod)
	all.SetTrailer(trailers(all.Context()))
	return detailed(next(service, all))
}

func tell(ctx context.Context, method string) {
	if ctx.Err() != nil {
		fmt.Println("cancelled", method)
	}
}

func trailers(ctx context.Context) metadata.MD {
	all := metadata.Pairs("x-encoding", *ctx.Value(encodingKey{}).(*string))
	if from, ok := peer.FromContext(ctx); ok {
		all.Set("x-peer", from.Addr.String())
	}
	if deadline, ok := ctx.Deadline(); ok {
		all.Set("x-left-ms", strconv.FormatInt(time.Until(deadline).Milliseconds(), 10))
	}
	return all
}

func detailed(err error) error {
	found, isStatus := status.FromError(err)
	if !isStatus || found.Code() == codes.OK {
		return err
	}
	with, failed := found.WithDetails(&errdetails.ErrorInfo{Reason: found.Message(), Domain: "interop"})
	if failed != nil {
		return err
	}
	return with.Err()
}

// encodings knows each call's grpc-encoding.
type encodings struct{}
type encodingKey struct{}

func (encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, encodingKey{}, new(string))
}

func (encodings) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if header, ok := event.(*stats.InHeader); ok {
		*ctx.Value(encodingKey{}).(*string) = header.Compression
	}
}

func (encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (encodings) HandleConn(context.Context, stats.ConnStats)                       {}
