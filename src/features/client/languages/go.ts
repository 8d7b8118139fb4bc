/** A client in Go, on its standard library alone. */
import type { ServedTensor } from '../../../cli/served-inputs.ts';
import { type ClientSource, describeTensor, exportedNames, isBase64, literal } from '../client-source.ts';

/** The dtypes whose types in Go have other names. float16's numbers are those of float32. */
const OTHER_NAMES: Readonly<Record<string, string>> = { float16: 'float32', bfloat16: 'float32', uint8: 'uint16' };

export function goClient({ path, signature, inputs, outputs }: ClientSource): string {
  const sent = exportedNames(inputs.keys());
  const got = exportedNames(outputs.keys());
  const values = [...sent].map(([name, field]) => `\tvalues[${literal(name, 'go')}] = in.${field}\n`);
  return `// Package pillionclient is a client of one model, written by pillion client: write it again when its signature changes.
package pillionclient

import (
\t"bytes"
\t"context"
\t"encoding/json"
\t"errors"
\t"fmt"
\t"io"
\t"net"
\t"net/http"
\t"strconv"
\t"strings"
\t"time"
\t"unicode/utf8"
)

const path = ${literal(path, 'go')}
const signature = ${literal(signature, 'go')}

// Inputs are whole tensors; rows are in dim 0. JSON of Go has no NaN.
${structOf('Inputs', inputs, sent, inputType)}

// Outputs are whole tensors.
${structOf('Outputs', outputs, got, outputType)}

func (in Inputs) byName() map[string]any {
\tvalues := map[string]any{}
${values.join('')}\treturn values
}

func (out *Outputs) read(raw json.RawMessage) error {
${readerOf(got)}
}
${CLIENT}`;
}

function structOf(
  name: string,
  tensors: ReadonlyMap<string, ServedTensor>,
  fields: ReadonlyMap<string, string>,
  typeOf: (name: string, tensor: ServedTensor) => string,
): string {
  const lines = [...tensors].map(
    ([each, tensor]) => `\t// ${describeTensor(tensor)}\n\t${fields.get(each)!} ${typeOf(each, tensor)}\n`,
  );
  return lines.length === 0 ? `type ${name} struct{}` : `type ${name} struct {\n${lines.join('')}}`;
}

/** A Go string may hold any bytes, and JSON would replace those that are no text. */
function inputType(_: string, tensor: ServedTensor): string {
  return typeOf(tensor, tensor.dtype === 'string' ? 'Text' : tensor.dtype);
}

function outputType(name: string, tensor: ServedTensor): string {
  return typeOf(tensor, isBase64(name, tensor) ? 'Base64' : tensor.dtype);
}

function typeOf({ shape }: ServedTensor, element: string): string {
  return shape === undefined ? 'any' : '[]'.repeat(shape.length) + (OTHER_NAMES[element] ?? element);
}

/** The only output stands by itself in an answer. */
function readerOf(fields: ReadonlyMap<string, string>): string {
  if (fields.size === 1) return `\treturn json.Unmarshal(raw, &out.${[...fields.values()][0]})`;
  const reads = [...fields].map(
    ([name, field]) =>
      `\tif err := json.Unmarshal(named[${literal(name, 'go')}], &out.${field}); err != nil {\n\t\treturn err\n\t}\n`,
  );
  return `\tvar named map[string]json.RawMessage
\tif err := json.Unmarshal(raw, &named); err != nil {
\t\treturn err
\t}
${reads.join('')}\treturn nil`;
}

const CLIENT = `
// Text is an element of a string input: text in UTF-8, or any bytes.
type Text string

// MarshalJSON writes bytes that are no UTF-8 as {"b64": …}.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(Base64{B64: []byte(t)})
}

// Base64 is an element of a string output that holds bytes.
type Base64 struct {
	B64 []byte \`json:"b64"\`
}

// RefusedError is the server's refusal. RetryAfter is when a retry makes sense; negative = it makes none.
type RefusedError struct {
	Status     int
	Message    string
	RetryAfter time.Duration
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d: %s", e.Status, e.Message)
}

// Client asks one server. Its zero value asks http://127.0.0.1:8501, without retries.
type Client struct {
	// Address is "http://HOST:PORT", "https://…" or "unix:PATH".
	Address string
	// Token is the caller's API key or token.
	Token string
	// Retries is the most retries of a call, each after the time that the server names.
	Retries int
}

// New makes a client with two retries.
func New(address string) *Client {
	return &Client{Address: address, Retries: 2}
}

// Predict ends with the context's deadline, which the server is told, or after ten seconds if it has none.
func (c *Client) Predict(ctx context.Context, in Inputs) (Outputs, error) {
	var out Outputs
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	body, err := json.Marshal(map[string]any{"signature_name": signature, "inputs": in.byName()})
	if err != nil {
		return out, err
	}
	for tries := 0; ; tries++ {
		raw, err := c.post(ctx, body)
		if err == nil {
			return out, out.read(raw)
		}
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.RetryAfter < 0 || tries >= c.Retries {
			return out, err
		}
		if until, _ := ctx.Deadline(); time.Now().Add(refused.RetryAfter).After(until) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-time.After(refused.RetryAfter):
		}
	}
}

func (c *Client) post(ctx context.Context, body []byte) (json.RawMessage, error) {
	client, base := c.transport()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	until, _ := ctx.Deadline()
	left := time.Until(until).Milliseconds()
	if left < 1 {
		left = 1
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("x-envoy-expected-rq-timeout-ms", strconv.FormatInt(left, 10))
	if c.Token != "" {
		request.Header.Set("authorization", "Bearer "+c.Token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Outputs json.RawMessage \`json:"outputs"\`
		Error   string          \`json:"error"\`
	}
	err = json.Unmarshal(text, &parsed)
	if answer.StatusCode == http.StatusOK {
		return parsed.Outputs, err
	}
	refused := &RefusedError{Status: answer.StatusCode, Message: parsed.Error, RetryAfter: -1}
	if refused.Message == "" {
		refused.Message = string(text)
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("retry-after")); err == nil && seconds >= 0 {
		refused.RetryAfter = time.Duration(seconds) * time.Second
	}
	return nil, refused
}

func (c *Client) transport() (*http.Client, string) {
	address := c.Address
	if address == "" {
		address = "http://127.0.0.1:8501"
	}
	socket, isSocket := strings.CutPrefix(address, "unix:")
	if !isSocket {
		return &http.Client{CheckRedirect: stay}, strings.TrimRight(address, "/")
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	return &http.Client{Transport: transport, CheckRedirect: stay}, "http://localhost"
}

// stay makes a redirect a refusal: an answer does not choose who gets the inputs and the token.
func stay(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}
`;
