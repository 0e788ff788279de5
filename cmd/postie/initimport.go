package main

import "context"

func (s *setup) importFile(context.Context) error { return nil }
