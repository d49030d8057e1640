package sip

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
)

// sdpPart finds the session description in a multipart body, which carriers send with ISUP or location beside it.
func sdpPart(contentTypeValue string, body []byte) []byte {
	_, params, err := mime.ParseMediaType(contentTypeValue)
	if err != nil || params["boundary"] == "" {
		return nil
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range 8 { // no honest INVITE has more parts
		part, err := r.NextRawPart()
		if err != nil {
			return nil
		}
		if contentType(part.Header.Get("Content-Type")) != mimeSDP {
			continue
		}
		sdp, err := io.ReadAll(io.LimitReader(part, maxBody))
		if err != nil {
			return nil
		}
		return sdp
	}
	return nil
}
