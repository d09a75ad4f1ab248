package plugins

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// drainStdio logs what the plugin prints after the handshake. Servers made
// with go-plugin send that over gRPC, and block once nobody takes it. The
// service's messages are internal to go-plugin: a channel number and bytes.
func (p *process) drainStdio() {
	stream, err := p.conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/plugin.GRPCStdio/StreamStdio", grpc.ForceCodec(rawCodec{}))
	if err != nil || stream.SendMsg(&[]byte{}) != nil || stream.CloseSend() != nil {
		return
	}
	from, to := io.Pipe()
	defer to.Close()
	go p.sup.say.lines(from, "stdio")
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

// stdioData finds the bytes field in a plugin.StdioData.
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

// rawCodec leaves messages as they are.
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
