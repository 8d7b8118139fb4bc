// The routes of test/fronting/apps.ts on Go's net/http, in HTTP/1.1 or, with the argument h2c, in HTTP/2: what this
// application does is plain; what is tested is what passes between it and its clients.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

func main() {
	http.HandleFunc("/ws", echoWebSocket)
	http.HandleFunc("/sse", sendEvents)
	http.HandleFunc("/hash", hashBody)
	http.HandleFunc("/bytes", sendBytes)
	http.HandleFunc("/trailers", echoWithTrailers)
	http.HandleFunc("/hints", sendHints)
	http.HandleFunc("/status", sendStatus)
	http.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, os.Getenv("APP_FILE")) })
	http.HandleFunc("/gzip", sendGzip)
	http.HandleFunc("/headers", listHeaders)
	http.HandleFunc("/cookies", sendCookies)
	http.HandleFunc("/wide", sendWideHeaders)
	http.HandleFunc("/never", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		fmt.Println("left", r.URL.Query().Get("id"))
	})
	http.HandleFunc("/begin", begin)
	http.HandleFunc("/refuse", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) })
	http.HandleFunc("/", saw)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	server := http.Server{Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(!slices.Contains(os.Args, "h2c"))
	server.Protocols.SetUnencryptedHTTP2(slices.Contains(os.Args, "h2c"))
	panic(server.Serve(listener))
}

func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	options := &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, InsecureSkipVerify: true}
	connection, err := websocket.Accept(w, r, options)
	if err != nil {
		return
	}
	connection.SetReadLimit(-1)
	for {
		kind, data, err := connection.Read(r.Context())
		if err != nil {
			fmt.Println("closed", int(websocket.CloseStatus(err)))
			return
		}
		if string(data) == "close with 4001" {
			connection.Close(4001, "as asked")
			return
		}
		if connection.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}

func sendEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("content-type", "text/event-stream")
	for i := range number(r, "count") {
		if i > 0 {
			time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
		}
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %d\n\n", i, time.Now().UnixMilli()); err != nil {
			return
		}
		w.(http.Flusher).Flush()
	}
}

func hashBody(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	if err != nil {
		fmt.Println("broken", n)
		return
	}
	w.Header().Set("content-type", "application/json")
	fmt.Fprintf(w, `{"bytes":%d,"sha256":"%s"}`, n, hex.EncodeToString(hash.Sum(nil)))
}

func pattern() []byte {
	block := make([]byte, 65536)
	for i := range block {
		block[i] = byte(i*7 + (i>>8)*13)
	}
	return block
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	block := pattern()
	left := number(r, "n")
	w.Header().Set("content-type", "application/octet-stream")
	w.Header().Set("content-length", strconv.Itoa(left))
	for left > 0 {
		part := min(left, len(block))
		if _, err := w.Write(block[:part]); err != nil {
			return
		}
		left -= part
	}
}

func echoWithTrailers(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("trailer", "x-sum, x-got")
	w.Write(body)
	sum := sha256.Sum256(body)
	w.Header().Set("x-sum", hex.EncodeToString(sum[:]))
	w.Header().Set("x-got", r.Trailer.Get("x-sent"))
}

func sendHints(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("link", "</style.css>; rel=preload; as=style")
	w.Header().Add("link", "</script.js>; rel=preload; as=script")
	w.WriteHeader(103)
	w.Header().Del("link")
	w.WriteHeader(200)
	io.WriteString(w, "hinted")
}

func sendStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("etag", `"abc"`)
	w.WriteHeader(number(r, "code"))
}

func sendGzip(w http.ResponseWriter, r *http.Request) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	io.WriteString(writer, strings.Repeat("hello ", 1000))
	writer.Close()
	w.Header().Set("content-encoding", "gzip")
	w.Header().Set("content-type", "text/plain")
	w.Header().Set("content-length", strconv.Itoa(packed.Len()))
	w.Write(packed.Bytes())
}

// A string of one character a byte.
func latin1(value string) string {
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes)
}

func listHeaders(w http.ResponseWriter, r *http.Request) {
	list := [][2]string{{"host", r.Host}}
	for name, values := range r.Header {
		for _, value := range values {
			list = append(list, [2]string{strings.ToLower(name), latin1(value)})
		}
	}
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(list)
}

func sendCookies(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("set-cookie", "a=1; Path=/")
	w.Header().Add("set-cookie", "b=2; Path=/; Expires=Wed, 09 Jun 2032 10:18:14 GMT")
}

func sendWideHeaders(w http.ResponseWriter, r *http.Request) {
	for i := range number(r, "count") {
		w.Header().Set("x-wide-"+strconv.Itoa(i), strings.Repeat("w", 1000))
	}
}

func begin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("content-length", "100")
	io.WriteString(w, "begun")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	fmt.Println("left", r.URL.Query().Get("id"))
}

func saw(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	w.Header().Set("x-saw", fmt.Sprintf("%s %s %d %s", r.Method, r.RequestURI, len(body), hex.EncodeToString(sum[:4])))
}
