package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// web NAME: a web server, whose address $NAME is; what it was asked for stands in the file NAME.asked.
func serveWeb(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0] + ".asked")
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		fmt.Fprintln(f, r.Method, r.URL.RequestURI())
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}
