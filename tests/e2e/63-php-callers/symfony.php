<?php
require_once "/usr/share/php/Symfony/Component/Mailer/autoload.php";
require_once "/usr/share/php/Symfony/Component/Mime/autoload.php";
use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport;
use Symfony\Component\Mime\Address;
use Symfony\Component\Mime\Email;

function send(string $dsn, array $subjects): void
{
    $mailer = new Mailer(Transport::fromDsn($dsn));
    foreach ($subjects as $subject) {
        $mailer->send((new Email())->from(new Address("from@a.test", "A"))
            ->to("u@a.test", "Joe <v@a.test>")->cc("c@a.test")->bcc("b@a.test")
            ->subject($subject)->text("body\n.\n..\nlast\n"));
    }
}

if (($argv[1] ?? "") === "refused") {
    try {
        $command = rawurlencode("/usr/sbin/sendmail -odx -t");
        send("sendmail://default?command=$command", ["never"]);
        echo "sent\n";
    } catch (Symfony\Component\Mailer\Exception\TransportExceptionInterface $exception) {
        echo "refused: ", $exception->getMessage(), "\n";
    }
    exit(0);
}
send("sendmail://default", ["default-1", "default-2"]);
send("sendmail://default?command=" . rawurlencode("/usr/sbin/sendmail -oi -t"), ["command-1", "command-2"]);
send("native://default", ["native-1", "native-2"]);
