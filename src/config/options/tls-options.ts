/** Options of `pillion serve` about TLS on the ports that clients reach. */
import { SUITE_LIST, SUITE_NAMES } from '../tls-suites.ts';
import { flag, integer, type Option, patternText, text } from './option-types.ts';

const HOUR_S = 3600;

export const TLS_OPTIONS = {
  tls_cert_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'PEM: the server’s certificate, then its chain. The gRPC and REST ports speak TLS then; Unix sockets and the admin port do not. Read again when it changes.',
  }),
  tls_key_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'PEM: the unencrypted private key of --tls_cert_file. Read again when it changes.',
  }),
  tls_client_ca_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'PEM: the authorities that sign clients’ certificates (mutual TLS). Clients without one are refused. Read again when it changes.',
  }),
  tls_verify_client: flag({
    default: true,
    help: 'With --tls_client_ca_file. false = clients are asked for a certificate, and let in without one too.',
  }),
  tls_min_version: text({
    default: '1.2',
    oneOf: ['1.2', '1.3'],
    placeholder: '1.2|1.3',
    help: 'The oldest version of TLS that is spoken.',
  }),
  tls_cipher_suites: patternText(
    {
      default: '',
      placeholder: 'NAME,NAME,…',
      help: 'Cipher suites, the preferred one first, by OpenSSL’s or IANA’s names. Empty = all that have forward secrecy and authenticated encryption. Those of TLS 1.3 stay unless some of them are named.',
    },
    SUITE_LIST,
    `names with commas between, of ${SUITE_NAMES.join(', ')}`,
  ),
  tls_poll_wait_seconds: integer({
    min: 0,
    max: HOUR_S,
    default: 10,
    help: 'Seconds between two looks at the files of key and certificates for new ones. 0 = they are read again on SIGHUP alone.',
  }),
} satisfies Record<string, Option<unknown>>;
