"""The personas in a few words each, for people."""

DESCRIBED = {
    "average": "a member who logs in three times a week",
    "seller": "a business-to-business seller",
    "recruiter": "a recruiter",
    "hr": "somebody in human resources",
    "marketer": "a marketer",
    "social-media": "a social-media manager",
    "top-performer": "1.6 times the seller, and with more answers",
    "executive": "posts twice a week, and does little else",
    "lurker": "reads and looks",
    "new-joiner": "joined a week ago, and invites many",
    "returning": "six weeks away, back for one",
    "starter": "average, and for 30 days a seller",
    "quiet-week": "the seller, in the last week away",
    "burst": "average, with two days at six times the seller's rate, 44 days ago",
    "burst-poster": "twenty posts on one day, three weeks ago",
    "invitation-spammer": "400 invitations a week, 8 % accepted",
    "comment-bot": "600 reactions and 300 comments of few words a week",
    "message-spammer": "400 messages a week, none answered",
    "attention-only": "much is received, nothing is done",
    "pod-0": "one of eight who engage with each other every working day",
}
