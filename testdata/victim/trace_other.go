//go:build !(linux && amd64)

package victim

import "errors"

func trace(string) error { return errors.New("system calls are traced on Linux on amd64 only") }
