package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxPage is how much of a page is read; real ones have some KB.
const maxPage = 256 << 10

// maxRedirects is how often a page may send elsewhere.
const maxRedirects = 3

// page reads the autoconfig page at an address without scheme. HTTPS only, unless o.Insecure.
func (a *asker) page(ctx context.Context, address string) (Answer, error) {
	answer, err := a.get(ctx, "https://"+address)
	if err != nil && a.Insecure {
		if plain, err := a.get(ctx, "http://"+address); err == nil {
			plain.Foreign = true // anybody on the way may have written it
			return plain, nil
		}
	}
	return answer, err
}

func (a *asker) database(ctx context.Context, domain string) (Answer, error) {
	return a.get(ctx, strings.TrimSuffix(a.Database, "/")+"/"+domain)
}

func (a *asker) get(ctx context.Context, address string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Accept", "text/xml, application/xml")
	client := *a.HTTP
	client.CheckRedirect = a.redirect
	client.Jar = nil
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return Answer{}, errNone
	case response.StatusCode != http.StatusOK:
		return Answer{}, fmt.Errorf("%s answers %s", address, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	switch {
	case err != nil:
		return Answer{}, err
	case len(body) > maxPage:
		return Answer{}, fmt.Errorf("%s gives more than %d KiB", address, maxPage>>10)
	}
	answer, err := parsePage(body, a.address, a.Insecure)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", address, err)
	}
	answer.Where, _, _ = strings.Cut(address, "?")
	return answer, nil
}

func (a *asker) redirect(next *http.Request, before []*http.Request) error {
	switch {
	case len(before) > maxRedirects:
		return errors.New("redirected too often")
	case next.URL.Scheme != "https" && !(a.Insecure && next.URL.Scheme == "http"):
		return fmt.Errorf("redirected to %s, which is not HTTPS", next.URL.Redacted())
	}
	return nil
}
