// Read on in folder.go.

package process

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// logStdio logs what the plugin prints after the handshake, until the connection
// is closed. Servers made with go-plugin send that over gRPC, and block when
// nobody reads it. The service's messages are internal to go-plugin: a channel
// number and bytes.
func logStdio(conn *grpc.ClientConn, log *outputLog) {
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/plugin.GRPCStdio/StreamStdio", grpc.ForceCodec(rawCodec{}))
	if err != nil || stream.SendMsg(&[]byte{}) != nil || stream.CloseSend() != nil {
		return
	}
	from, to := io.Pipe()
	defer to.Close()
	go log.lines(from, "stdio")
	for {
		var message []byte
		if stream.RecvMsg(&message) != nil {
			return
		}
		if _, err := to.Write(stdioData(message)); err != nil {
			return
		}
	}
}

// stdioData returns the bytes field of a plugin.StdioData; nil if there is none.
func stdioData(message []byte) []byte {
	const dataField = 2
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == dataField && kind == protowire.BytesType {
			data, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil
			}
			return data
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

// rawCodec sends and receives messages as bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, errors.New("not bytes")
	}
	return *b, nil
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return errors.New("not bytes")
	}
	*b = append([]byte(nil), data...)
	return nil
}
