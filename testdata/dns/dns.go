// Package dns answers name look-ups on loopback, for tests of what asks DNS.
package dns

import (
	"context"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone is all that the server knows. Names are in lower case, without a final dot; whatever is not here does not exist.
type Zone struct {
	A   map[string][]net.IP // IPv4 and IPv6
	SRV map[string][]net.SRV
	MX  map[string][]net.MX
}

// Start answers on a UDP port of loopback until the test ends, and gives its HOST:PORT.
func Start(t testing.TB, z Zone) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		z.serve(conn)
	}()
	return conn.LocalAddr().String()
}

// Resolver asks the server at address, and nobody else.
func Resolver(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", address)
	}}
}

func (z Zone) serve(conn net.PacketConn) {
	for buffer := make([]byte, 4096); ; {
		n, peer, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer, err := z.answer(buffer[:n]); err == nil {
			conn.WriteTo(answer, peer)
		}
	}
}

func (z Zone) answer(question []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q}}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	bodies, known := z.bodies(name, q.Type)
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, body := range bodies {
		m.Answers = append(m.Answers, dnsmessage.Resource{Body: body,
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 1}})
	}
	return m.Pack()
}

func (z Zone) bodies(name string, kind dnsmessage.Type) (list []dnsmessage.ResourceBody, known bool) {
	for _, ip := range z.A[name] {
		if ip4 := ip.To4(); ip4 != nil && kind == dnsmessage.TypeA {
			list = append(list, &dnsmessage.AResource{A: [4]byte(ip4)})
		} else if ip4 == nil && kind == dnsmessage.TypeAAAA {
			list = append(list, &dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())})
		}
	}
	for _, s := range z.SRV[name] {
		if kind == dnsmessage.TypeSRV {
			list = append(list, &dnsmessage.SRVResource{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: dnsmessage.MustNewName(absolute(s.Target))})
		}
	}
	for _, mx := range z.MX[name] {
		if kind == dnsmessage.TypeMX {
			list = append(list, &dnsmessage.MXResource{Pref: mx.Pref, MX: dnsmessage.MustNewName(absolute(mx.Host))})
		}
	}
	return list, z.A[name] != nil || z.SRV[name] != nil || z.MX[name] != nil
}

func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }
