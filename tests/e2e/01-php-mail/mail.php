<?php
// The four shapes in which PHP programs call mail(); the last one is for a server that isn't asked.
$ok = mail("u1@p.test", "plain", "line1\n.\n..\nFrom x\nlast \xc3\xbc")
    && mail("u1@p.test, Joe <u2@p.test>", "crlf headers", "one\r\n.\r\ntwo\r\n",
            "From: web@corp.example\r\nCc: c1@p.test\r\nBcc: b1@q.test,\r\n b2@q.test\r\nX-Folded: a\r\n b")
    && mail("u1@p.test", "lf headers", "one\ntwo\n",
            "From: web@corp.example\nReply-To: r@corp.example\nBcc: b1@q.test")
    && mail("u1@p.test", "parameters", "x", "From: web@corp.example", "-fbounce@corp.example -oi");
exit($ok ? 0 : 1);
