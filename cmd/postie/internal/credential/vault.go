package credential

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/zalando/go-keyring"
)

const service = "postie"

// Vault keeps secrets from one run to the next: in the desktop's keyring (service "postie"), or, where there is none, in
// files of mode 0600.
type Vault struct {
	Keyring bool   // use the keyring
	Dir     string // folder for files, used when Keyring is false or the keyring cannot be reached; "": no files
}

// PasswordKey is the name under which a Vault keeps the password of a user on a host.
func PasswordKey(user, host string) string { return user + "@" + host }

// TokenKey is the name under which a Vault keeps the OAuth2 refresh token of a user on a host.
func TokenKey(user, host string) string { return "oauth2:" + user + "@" + host }

// StateDir is $XDG_STATE_HOME/postie, or ~/.local/state/postie.
func StateDir() (string, error) {
	// XDG Base Directory Specification: a relative path is invalid and ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "postie"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "postie"), err
}

// Get returns what is kept under key. The error is fs.ErrNotExist when there is nothing.
func (v Vault) Get(ctx context.Context, key string) (Secret, error) {
	none := fmt.Errorf("%q is not stored: %w", key, fs.ErrNotExist)
	if v.Dir != "" {
		// A file is there only if the keyring could not be reached when it was written: it is the newer one.
		if s, err := readPrivate(v.Path(key)); !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
	}
	if !v.Keyring {
		return Secret{}, none
	}
	text, err := await(ctx, func() (string, error) { return keyring.Get(service, key) })
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return Secret{}, none
	case err != nil:
		return Secret{}, fmt.Errorf("ask the keyring: %w", err)
	}
	return firstLine(text)
}

// Set keeps s under key and says where: "the keyring" or a path.
func (v Vault) Set(ctx context.Context, key string, s Secret) (place string, err error) {
	if err := validate(s); err != nil {
		return "", err
	}
	if v.Keyring {
		_, err = await(ctx, func() (string, error) { return "", keyring.Set(service, key, s.Reveal()) })
		if err == nil {
			return "the keyring", v.removeFile(key)
		}
		err = fmt.Errorf("store in the keyring: %w", err)
	}
	if v.Dir == "" || ctx.Err() != nil {
		return "", err
	}
	if err := writePrivate(v.Path(key), s); err != nil {
		return "", err
	}
	return v.Path(key), nil
}

// Delete removes what is kept under key, in the keyring and as a file; it is no error if there is nothing.
func (v Vault) Delete(ctx context.Context, key string) error {
	err := v.removeFile(key)
	if !v.Keyring {
		return err
	}
	_, lost := await(ctx, func() (string, error) { return "", keyring.Delete(service, key) })
	if errors.Is(lost, keyring.ErrNotFound) {
		lost = nil
	}
	return errors.Join(err, lost)
}

// Path is the file that holds key where there is no keyring.
func (v Vault) Path(key string) string {
	return filepath.Join(v.Dir, url.PathEscape(key)+".secret")
}

func (v Vault) removeFile(key string) error {
	if v.Dir == "" {
		return nil
	}
	if err := os.Remove(v.Path(key)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// await runs a call that knows no context: the keyring's, which may wait for the user to unlock it, a read from the
// terminal, oauth2's first device request. What is left behind ends by itself.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
