"""How much of a person may be shown: masks for known fields, and for whatever people write about themselves in free text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEP = r"[ \u3000\t.\-‐-―−－·]?"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015, no I O S V Z
_USCC = re.compile(rf"(?<![\dA-Za-z])([{_USCC_ALPHABET}]{{18}})(?![\dA-Za-z])")
_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}")
_LONG = re.compile(rf"(?<!\d)\d(?:{_SEP}\d){{13,18}}(?:{_SEP}[Xx](?![A-Za-z]))?(?!\d)")
_MOBILE = re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_SEP})?0?(1{_SEP}[3-9](?:{_SEP}\d){{9}})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(?:[(（]0\d{2,3}[)）]|0\d{2,3})[ \-‐-―－]?([2-9]\d{6,7})(?!\d)")
_CALLED_LANDLINE = re.compile(r"((?:电话|座机|固话|联系方式)[号码是为:：\s]{0,4})([2-9]\d{6,7})(?!\d)")
_HAN_DIGITS = {ord(char): str(n) for n, chars in enumerate(("〇零○", "一壹幺", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")) for char in chars}  # fmt: skip
_ALIKE = {
    str(n): "["
    + str(n)
    + chr(0xFF10 + n)
    + "".join(chr(c) for c, digit in _HAN_DIGITS.items() if digit == str(n))
    + "]"
    for n in range(10)
}
_HAN_DIGIT = "[" + "".join(map(chr, _HAN_DIGITS)) + "]"
_HAN_MOBILE = re.compile(
    rf"(?<!{_HAN_DIGIT})[一壹幺]{_SEP}[三叁四肆五伍六陆七柒八捌九玖](?:{_SEP}{_HAN_DIGIT}){{9}}(?!{_HAN_DIGIT})"
)
SECRET_LEAST = 2  # characters of what is hidden wherever it stands
_BIRTHDAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")

_COMPOUND = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|长孙|宇文|端木|独孤|南宫|闻人|轩辕|呼延"
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文庞樊殷施洪翟安倪齐鲁葛温柴解"
    "季俞芦蓝梅邢柳祝尚焦耿蒲俸卜甘卓岳詹符柏翁聂辛管路凌左涂娄申盛祁骆喻牛辜欧阮裴屈饶褚冉游霍冀苗穆房桂卫关仇费"
)
_SURNAME = rf"(?:{_COMPOUND}|[{_SURNAMES}])"
_HAN = r"[\u4e00-\u9fff]"
_END = r"(?=[^\u4e00-\u9fff]|$|的|电话|手机|身份|联系|住|家住|今年|来自|是|在|要|想|于)"
_NEXT = (
    r"(?=[^\u4e00-\u9fff]|$|态度|服务|工作|办理|告知|拒|推|不|没|未|说|让|叫|把|在|给|要|的|对|很|非常|太|特别|十分|也|就|都|一直|"
    r"帮|为|和|与|向|及|等|同志|先生|女士|小姐|老师|主任|科长|身份|电话|手机|今年|住|是|收|骂|打|故意|反复|多次|耐心|热情|细心|认真)"
)
_NOT_A_NAME = (
    r"(?!于是|高度|高效|高兴|方便|方式|安排|安全|常常|常年|时|向我|向群|向当|万一|明明|严格|严重|文明|文件|温和|温柔|和蔼|解释|"
    r"解决|解答|关于|关心|关注|关掉|任何|任意|管理|管不|管我|程序|白跑|安慰|易|连续|费|游客|路|左|申请|申办|符合|房|武断|平时|石化|叶公|周一|周二|周三|周四|周五|周六|周日|周末|金额|"
    r"何时|全|包|马上|高中|高级|高龄|方才|康复|江苏|江西|江北|江南|贺|万|祝)"
)
_TOLD = re.compile(
    r"((?:我叫(?![了过他她它你您人号车谁不做什])|我的名字[叫是]|姓\s{0,4}名|名叫)[是为:：\s]{0,4})"
    rf"({_COMPOUND}|{_HAN})({_HAN}{{1,5}}(?:·{_HAN}{{1,6}}){{1,3}}|{_HAN}{{1,3}}?{_END}|{_HAN}{{1,2}})"
)
_TITLED = re.compile(
    r"((?:申请人|联系人|当事人|投诉人|经办人|法定代表人|法人代表|负责人|户主|工作人员|办事员|窗口人员|办事人员|经办人员|"
    r"审批员|柜员|科长|主任|局长|所长|队长|站长|民警|辅警|协管员|客服|导办员|职员|同志)[是叫为:：\s]{0,3})"
    rf"{_NOT_A_NAME}({_SURNAME})({_HAN}{{1,2}}?{_NEXT}|{_HAN}{{2}})"
)
_I_AM = re.compile(rf"((?:我是|本人)[:：\s]{{0,3}}){_NOT_A_NAME}({_SURNAME})({_HAN}{{1,2}}){_END}")


def mask_name(name: str) -> str:
    """张小华 as 张*华, 李明 as 李*; a single character disappears."""
    name = name.strip()
    if len(name) < 3:
        return name[: len(name) - 1] + "*" if name else ""
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_phone(phone: str) -> str:
    """13812345678 as 138****5678; of shorter numbers the last two digits."""
    phone = phone.strip()
    if len(phone) < 11:
        return "*" * max(len(phone) - 2, 0) + phone[max(len(phone) - 2, 0) :] if len(phone) > 4 else "*" * len(phone)
    return phone[:3] + "*" * (len(phone) - 7) + phone[-4:]


def mask_id(number: str) -> str:
    """320102199001011234 as 3201**********1234; of shorter document numbers the first and the last character."""
    number = number.strip()
    if len(number) < 12:
        return number[0] + "*" * (len(number) - 2) + number[-1] if len(number) > 4 else "*" * len(number)
    return number[:4] + "*" * (len(number) - 8) + number[-4:]


def mask_text(text: str, secrets: Iterable[str] = (), *, of_staff: bool = False) -> str:
    """Free text without mobile and landline numbers, ID and card numbers, e-mail addresses, and names people introduce.

    `secrets`: what is known of the person and the case (names, numbers), gone wherever and however spaced it stands.
    `of_staff`: what was written at work keeps an office's landline and its colleagues' names.

    Never raises, whatever the text, and takes time in proportion to its length. Unified social credit codes of organs
    and enterprises are public and stay. A net, not a wall: what is published is read by a person first.
    """
    if secret := _of_secrets(tuple(secrets)):
        text = secret.sub(_masked_secret, text)
    parts = _USCC.split(text)  # odd places hold what looks like a credit code
    return "".join(
        part if at % 2 and _is_credit_code(part) else _mask_part(part, of_staff=of_staff)
        for at, part in enumerate(parts)
    )


def has_number(text: str) -> bool:
    """Whether a telephone, an ID or card number or an e-mail address stands in it, as far as `mask_text` finds them."""
    return _mask_numbers(text) != text or _mask_landlines(text) != text


def without_landlines(text: str) -> str:
    """The text without landline numbers: an office's own is for everybody to call."""
    return _CALLED_LANDLINE.sub(lambda m: m[1], _LANDLINE.sub("", text))


def _mask_part(text: str, *, of_staff: bool) -> str:
    text = _mask_numbers(text)
    if not of_staff:
        text = _mask_landlines(text)
    text = _TOLD.sub(_masked_name, text)
    text = _I_AM.sub(_masked_name, text)
    return text if of_staff else _TITLED.sub(_masked_name, text)


def _mask_numbers(text: str) -> str:
    text = _EMAIL.sub(_masked_email, text)
    text = _LONG.sub(_masked_number, text)
    text = _MOBILE.sub(lambda m: mask_phone(_digits(m[1])), text)
    return _HAN_MOBILE.sub(lambda m: mask_phone(_digits(m[0].translate(_HAN_DIGITS))), text)


def _mask_landlines(text: str) -> str:
    text = _LANDLINE.sub(lambda m: m[0][: -len(m[1])] + "*" * (len(m[1]) - 2) + m[1][-2:], text)
    return _CALLED_LANDLINE.sub(lambda m: m[1] + "*" * (len(m[2]) - 2) + m[2][-2:], text)


@lru_cache(maxsize=256)
def _of_secrets(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """Any of these, the longest first; digits in any script, letters in any case, a space or dash between any two."""
    told = {unicodedata.normalize("NFKC", each).strip() for each in secrets}
    long = sorted((each for each in told if len(each) >= SECRET_LEAST), key=lambda each: (-len(each), each))
    spelt = (_SEP.join(_ALIKE.get(char, re.escape(char)) for char in each if not char.isspace()) for each in long)
    return re.compile("|".join(spelt), re.IGNORECASE) if long else None


def _masked_secret(match: re.Match[str]) -> str:
    digits = _digits(match[0].translate(_HAN_DIGITS))
    return (
        mask_phone(digits)
        if len(digits) == 11 and len(digits) >= len(match[0]) - 10 and digits[0] == "1"
        else "*" * min(len(match[0]), 8)
    )


def _masked_email(match: re.Match[str]) -> str:
    name, _, domain = match[0].partition("@")
    return f"{name[0]}***@{domain}"


def _masked_number(match: re.Match[str]) -> str:
    """An ID number of 18 or 15 places, or a bank card's 16 to 19; anything else stays for the telephone rules."""
    digits = _digits(match[0])
    is_old_id = len(digits) == 15 and digits[6:12].isdigit() and _BIRTHDAY.fullmatch("19" + digits[6:12])
    return mask_id(digits) if is_old_id or 16 <= len(digits) <= 19 else match[0]


def _masked_name(match: re.Match[str]) -> str:
    return match[1] + match[2] + "*" * len(match[3])


def _digits(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isdigit() or c in "Xx")


def _is_credit_code(code: str) -> bool:
    """Whether the check character of GB 32100 fits and it cannot be a person's ID number."""
    values = [_USCC_ALPHABET.index(c) for c in code]
    total = sum(value * pow(3, place, 31) for place, value in enumerate(values[:17]))
    return (31 - total % 31) % 31 == values[17] and not _may_be_a_persons(code)


def _may_be_a_persons(code: str) -> bool:
    """In doubt it is. An enterprise's code and a foreign resident's number both begin with 9: there the check digit decides."""
    if not code[:17].isdigit() or _BIRTHDAY.fullmatch(code[6:14]) is None:
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(code[:17]))  # GB 11643
    return code[0] != "9" or "10X98765432"[total % 11] == code[17]
