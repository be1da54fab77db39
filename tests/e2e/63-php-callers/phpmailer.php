<?php
require_once "/usr/share/php/libphp-phpmailer/src/PHPMailer.php";
require_once "/usr/share/php/libphp-phpmailer/src/Exception.php";

foreach (["isSendmail", "isMail"] as $how) {
    $mail = new PHPMailer\PHPMailer\PHPMailer(true);
    $mail->$how();
    $mail->setFrom("from@a.test", "A");
    $mail->addAddress("u@a.test", "Joe");
    $mail->addCC("c@a.test");
    $mail->addBCC("b@a.test");
    $mail->Subject = $how;
    $mail->Body = "body\n.\n..\nlast\n";
    $mail->send();
}
