import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/** JDBC in the middle of everything when `middle` is printed; it goes on once a line has been read. */
public class Middle {
    static Connection open(boolean autoCommit) throws SQLException {
        Map<String, String> env = System.getenv();
        String place = env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE");
        Connection connection = DriverManager.getConnection("jdbc:postgresql://" + place + "?prepareThreshold=1", env.get("PGUSER"), env.get("PGPASSWORD"));
        connection.setAutoCommit(autoCommit);
        return connection;
    }

    static void equal(Object left, Object right) {
        if (!left.equals(right)) throw new AssertionError(left + " is not " + right);
    }

    static void ask(PreparedStatement add, int n) throws SQLException {
        add.setInt(1, n);
        ResultSet rows = add.executeQuery();
        rows.next();
        equal(rows.getInt(1), n + 1);
    }

    public static void main(String[] args) throws Exception {
        Connection prepared = open(false), cursors = open(false), copier = open(true), listener = open(true);
        PreparedStatement add = prepared.prepareStatement("SELECT ? + 1");
        ask(add, 1);
        prepared.createStatement().execute("INSERT INTO middle VALUES ('jdbc transaction', 1)");
        Statement many = cursors.createStatement();
        many.setFetchSize(100);
        ResultSet rows = many.executeQuery("SELECT generate_series(1, 1000)");
        for (int i = 1; i <= 400; i++) rows.next();
        listener.createStatement().execute("LISTEN jdbc_middle");
        CopyIn copy = copier.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY middle FROM STDIN");
        byte[] first = "jdbc copy\t1\n".getBytes(StandardCharsets.UTF_8), second = "jdbc copy\t2\n".getBytes(StandardCharsets.UTF_8);
        copy.writeToCopy(first, 0, first.length);

        System.out.println("middle");
        System.out.flush();
        System.in.read();

        copy.writeToCopy(second, 0, second.length);
        equal(copy.endCopy(), 2L);
        ask(add, 2);
        prepared.commit();
        ask(add, 3);
        int left = 0;
        while (rows.next()) equal(rows.getInt(1), 401 + left++);
        equal(left, 600);
        cursors.commit();
        copier.createStatement().execute("NOTIFY jdbc_middle, 'still there'");
        var told = listener.unwrap(PGConnection.class).getNotifications(5000);
        equal(told.length == 1 ? told[0].getParameter() : "nothing", "still there");
        equal(copier.createStatement().executeUpdate("DELETE FROM middle WHERE who LIKE 'jdbc %'"), 3);
        for (Connection each : List.of(prepared, cursors, copier, listener)) each.close();
    }
}
