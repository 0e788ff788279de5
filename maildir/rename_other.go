//go:build !linux && !darwin

package maildir

import "errors"

func renameExclusive(from, to string) error { return errors.ErrUnsupported }
