package pop3

// What a server may say, so that none fills the memory or the disk, or talks for ever. Whatever goes beyond is a *ProtocolError, and the
// end of the session. How long an answer may take is in fence.go.
//
//	answer                                    limit
//	a line: greeting, status, list, challenge 16 KiB
//	CAPA                                      64 KiB in all
//	LIST, UIDL                                262,144 messages, 16 MiB in all, each
//	a size in LIST                            16 TiB; a larger one is not known
//	TOP                                       16 MiB
//	RETR                                      four times what LIST said, and 256 MiB
//	challenges of one login                   64
//
// With all of these at their limits a session holds less than 100 MB: TestFloods.
const (
	// maxLine limits all lines but those of bodies. RFC 2449 section 4 allows 512 octets; SASL challenges may be longer (RFC
	// 5034 section 4).
	maxLine = 16 << 10

	maxCapa     = 64 << 10
	maxMessages = 1 << 18
	maxList     = 16 << 20
	maxSize     = 1 << 44
	maxTop      = 16 << 20
	maxRounds   = 64 // no mechanism needs ten
)

// maxBody is how long the answer to RETR may be, for a message of a size that LIST said.
func maxBody(listed int64) int64 { return 4*listed + 256<<20 }
