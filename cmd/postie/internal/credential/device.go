package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/oauth2"
)

// Device is what the user needs to finish a device login on another machine.
type Device struct {
	Address  string    // page to open
	Complete string    // the same with the code in it; may be ""
	Code     string    // to be typed there
	Expires  time.Time // zero: not said
}

// AuthorizeDevice logs the user in with a browser on any machine (RFC 8628). show is given what to tell the user. It
// returns where the refresh token is kept, as Authorize does.
func (o *OAuth) AuthorizeDevice(ctx context.Context, show func(Device)) (place string, err error) {
	config, err := o.config("")
	if err != nil {
		return "", err
	}
	if o.Provider.DeviceURL == "" {
		return "", errors.New("this provider has no device login for mail: run `postie login` without --device")
	}
	ctx = o.client(ctx)
	d, err := await(ctx, func() (*oauth2.DeviceAuthResponse, error) { return config.DeviceAuth(ctx) })
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", o.explain(err)
	}
	show(Device{clean(d.VerificationURI), clean(d.VerificationURIComplete), clean(d.UserCode), d.Expiry})
	t, err := config.DeviceAccessToken(ctx, d)
	switch {
	case err == nil:
		return o.keep(ctx, t)
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("the code %s has expired", clean(d.UserCode))
	}
	return "", o.explain(err, NewSecret(d.DeviceCode))
}
