package imaptest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
)

// A script sends what is written, knows tags, and says which line did not come out as written.
func TestScript(t *testing.T) {
	const text = `
		# a comment
		S: * OK hi
		C: A LOGIN ...
		S: $A OK done
		C= "a\r\nb"
		S= "x\r\n"
	`
	for _, tt := range []struct{ name, login, octets, want string }{
		{"as written", "t7 LOGIN x y", "a\r\nb", ""},
		{"other command", "t7 LOGOUT", "", `line 4, C: A LOGIN ...: client sent "t7 LOGOUT"`},
		{"other octets", "t7 LOGIN x", "a\r\nc", `line 6, C= "a\r\nb": client sent "a\r\nc"`},
		{"less", "t7 LOGIN x", "a", `line 6, C= "a\r\nb": client sent "a", unexpected EOF`},
	} {
		for _, dribble := range []bool{false, true} {
			srv := Script{Text: text, Dribble: dribble}.Start()
			conn, _ := srv.Dial(t.Context())
			var said strings.Builder
			r := bufio.NewReader(io.TeeReader(conn, &said))
			r.ReadString('\n')
			fmt.Fprint(conn, tt.login+"\r\n")
			if answer, err := r.ReadString('\n'); err == nil && answer != "t7 OK done\r\n" {
				t.Errorf("%s: answer %q", tt.name, answer)
			}
			fmt.Fprint(conn, tt.octets)
			if tt.want == "" {
				io.Copy(io.Discard, r)
			}
			conn.Close()
			if err := srv.Wait(); fmt.Sprint(err) != tt.want && (err != nil || tt.want != "") {
				t.Errorf("%s: got %v", tt.name, err)
			}
			if tt.want == "" && said.String() != "* OK hi\r\nt7 OK done\r\nx\r\n" {
				t.Errorf("said %q", said.String())
			}
		}
	}
}

func TestBadScript(t *testing.T) {
	for _, text := range []string{"X: what", "S= unquoted", "C= unquoted"} {
		if err := (Script{Text: text}).Start().Wait(); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
