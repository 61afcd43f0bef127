<?php
// A mailroom against docexchange, in PHP with php-amqplib 3 (Debian: php-cli php-amqplib).
//
//   export MAILROOM_URL='amqps://LOGIN:PASSWORD@BROKER:5671/VHOST'
//   php mailroom.php submit letter.json      or letter.edxml; prints the reply, exit 1: problem
//   php mailroom.php receive FOLDER [CODE]   one document: stored, acked, its status reported
//   php mailroom.php events [COUNT]          prints events, one JSON a line

declare(strict_types=1);

$vendor = __DIR__ . '/vendor/autoload.php';
require is_file($vendor) ? $vendor : '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPConnectionConfig;
use PhpAmqpLib\Connection\AMQPConnectionFactory;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

const SECONDS = 30; // to wait for a reply
const EDXML = 'application/xml';
const JSON = 'application/vnd.docexchange.submission+json';

$url = parse_url((string) getenv('MAILROOM_URL'));
$login = urldecode($url['user'] ?? '');

function json(mixed $value): string
{
    return json_encode($value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
}

/** Publish one message; its message_id when the broker has confirmed it. */
function publish(AMQPChannel $channel, string $key, string $type, string $contentType, string $body): string
{
    global $login;
    $id = bin2hex(random_bytes(16)); // keep it with your document: the same id again is harmless
    $message = new AMQPMessage($body, [
        'message_id' => $id,
        'type' => $type,
        'content_type' => $contentType,
        'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT,
        'user_id' => $login,
        'application_headers' => new AMQPTable(['x-contract' => 'mailroom/1']),
    ]);
    $channel->basic_publish($message, 'mr.submit', $key, true); // mandatory
    $channel->wait_for_pending_acks_returns(SECONDS);
    return $id;
}

/** The messages of a queue until $take says true, each acked after $take. */
function consume(AMQPChannel $channel, string $queue, callable $take): AMQPMessage
{
    $found = null;
    $tag = $channel->basic_consume($queue, '', false, false, false, false,
        function (AMQPMessage $message) use ($take, &$found): void {
            if ($found !== null) {
                return; // what is in hand unacked comes again
            }
            $done = $take($message);
            $message->ack();
            $found = $done ? $message : null;
        });
    while ($found === null) {
        $channel->wait(null, false, SECONDS); // throws AMQPTimeoutException
    }
    $channel->basic_cancel($tag);
    return $found;
}

/** The node's reply to a message. A real system has one reader that files all replies. */
function replyTo(AMQPChannel $channel, string $id): array
{
    $message = consume($channel, 'mr.replies', function (AMQPMessage $one) use ($id): bool {
        if ($one->has('correlation_id') && $one->get('correlation_id') === $id) {
            return true;
        }
        fwrite(STDERR, "an earlier reply: {$one->getBody()}\n");
        return false;
    });
    return json_decode($message->getBody(), true, 512, JSON_THROW_ON_ERROR);
}

function told(array $reply): int
{
    echo json($reply), "\n";
    return ($reply['status'] ?? '') === 'accepted' ? 0 : 1;
}

function submit(AMQPChannel $channel, string $file): int
{
    $type = str_ends_with($file, '.json') ? JSON : EDXML;
    $body = (string) file_get_contents($file);
    return told(replyTo($channel, publish($channel, 'submit.document', 'document.submit.v1', $type, $body)));
}

function receive(AMQPChannel $channel, string $folder, string $code = '03'): int
{
    $message = consume($channel, 'mr.inbox', function (AMQPMessage $one) use ($folder): bool {
        // The same message_id again is the same file; acked when it is stored.
        return file_put_contents("$folder/{$one->get('message_id')}.edxml", $one->getBody()) !== false
            || throw new RuntimeException("cannot write to $folder");
    });
    $id = $message->get('message_id');
    $headers = $message->get('application_headers')->getNativeData();
    echo json(['file' => "$folder/$id.edxml", 'from' => $headers['x-organ-from']]), "\n";
    $report = json(['tracking_id' => $id, 'code' => $code, 'staff' => ['name' => 'Trần Thị B']]);
    return told(replyTo($channel, publish($channel, 'submit.status', 'status.report.v1', 'application/json', $report)));
}

/** `data.sequence` counts the events of a document, so a gap shows. */
function events(AMQPChannel $channel, string $count = '1'): int
{
    $left = (int) $count;
    consume($channel, 'mr.events', function (AMQPMessage $message) use (&$left): bool {
        echo json(json_decode($message->getBody(), false, 512, JSON_THROW_ON_ERROR)), "\n";
        return --$left === 0;
    });
    return 0;
}

$config = new AMQPConnectionConfig();
$config->setHost($url['host']);
$config->setIsSecure($url['scheme'] === 'amqps');
$config->setPort($url['port'] ?? ($config->isSecure() ? 5671 : 5672));
$config->setUser($login);
$config->setPassword(urldecode($url['pass'] ?? ''));
$config->setVhost(urldecode(ltrim($url['path'], '/')));
$connection = AMQPConnectionFactory::create($config);
$channel = $connection->channel();
$channel->confirm_select();
$channel->basic_qos(0, 1, false);
$channel->set_return_listener(function (int $code, string $text): void {
    throw new RuntimeException("returned: $code $text; tell the administrator");
});
$channel->set_nack_handler(function (): void {
    throw new RuntimeException('the queue is full: publish the same message again in 30 s');
});
$commands = ['submit' => submit(...), 'receive' => receive(...), 'events' => events(...)];
$code = $commands[$argv[1] ?? 'events']($channel, ...array_slice($argv, 2));
$channel->close();
$connection->close();
exit($code);
