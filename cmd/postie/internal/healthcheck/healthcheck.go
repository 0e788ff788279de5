// Package healthcheck calls an address after runs, such as one of healthchecks.io: by its silence somebody else notices that no run
// succeeds any more. Whoever knows the address can call it, so it is a secret, and no error holds more of it than the host.
package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Limit is how long a call may take, whatever the server does.
const Limit = 10 * time.Second

// Call calls address, or with failed the one below it that ends in /fail. proxy is a SOCKS5 proxy; nil: that of the environment. The
// certificate is verified, and no redirection leads away from HTTPS. An answer other than 2xx is an error.
func Call(ctx context.Context, address string, failed bool, proxy *url.URL) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("healthcheck: the address is none") // what url.Parse says would hold it
	}
	if failed {
		u = u.JoinPath("fail")
	}
	if err := get(ctx, u, proxy, nil); err != nil {
		return fmt.Errorf("healthcheck: call %s: %w", u.Host, err)
	}
	return nil
}

// get calls u. dial is the way to it; nil: the network.
func get(ctx context.Context, u, proxy *url.URL, dial func(ctx context.Context, network, address string) (net.Conn, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Limit, fmt.Errorf("no answer within %v", Limit))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return bare(err)
	}
	request.Header.Set("User-Agent", "postie")
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		next.Header.Del("Referer") // it would tell the address to the server that it leads to
		switch {
		case next.URL.Scheme != "https" && u.Scheme == "https":
			return errors.New("it leads away from HTTPS")
		case len(via) >= 5:
			return errors.New("it leads from one address to the next")
		}
		return nil
	}}
	answer, err := client.Do(request)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return bare(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return nil
}

// bare is an error of net/http without the address.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return bare(e.Err)
	}
	return err
}
