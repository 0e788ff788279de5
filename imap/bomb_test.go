package imap_test

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"postie/imap"
)

// Under COMPRESS (RFC 4978) little that comes may be much that is said: the limits count what is said.
func TestCompressedFlood(t *testing.T) {
	client, conn := net.Pipe()
	go func() {
		defer conn.Close()
		r := bufio.NewReader(conn)
		fmt.Fprint(conn, "* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi\r\n")
		command, _ := r.ReadString('\n')
		tag, _, _ := strings.Cut(command, " ")
		fmt.Fprintf(conn, "%s OK\r\n", tag)
		go func() {
			for _, err := r.ReadByte(); err == nil; _, err = r.ReadByte() {
			}
		}()
		w, _ := flate.NewWriter(conn, flate.BestCompression)
		block := []byte(strings.Repeat("x", 1<<20))
		fmt.Fprint(w, "* OK ")
		for range 1 << 10 { // 1 GiB in about a megabyte
			if _, err := w.Write(block); err != nil {
				return
			}
		}
		w.Flush()
	}()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := imap.Connect(t.Context(), imap.Options{Compress: true, Dial: func(context.Context) (net.Conn, error) { return client, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Noop(t.Context())
	if _, broke := errors.AsType[*imap.ProtocolError](err); !broke {
		t.Errorf("got %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 50<<20 {
		t.Errorf("%d MB", grown>>20)
	}
}
