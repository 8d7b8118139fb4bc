//go:build tools

// Package tools names the program whose version go.mod and go.sum pin.
package tools

import _ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
