//go:build tools

// Package tools names the program whose version go.mod and go.sum pin.
package tools

import _ "google.golang.org/grpc/interop/server"
